"""A patient as a mixture: which tissue fills each voxel of the fine grid, and how much of it is blood, clot or infarct.

Signal equations are evaluated once per tissue and then spread over the voxels, so that partial volume mixes signals, as
a scanner does, and not relaxation times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import tissue
from .anatomy import Head
from .signal import TissueMaps
from .space import Floats
from .stroke import Stroke

#: Restricted diffusion in the core of an infarct: ADC falls to about 60 % within hours (Copen et al., Radiology
#: 221:27, 2001). That it falls with a time constant of 1.5 hours is our choice.
INFARCT_ADC_SHARE, ADC_FALL_HOURS = 0.6, 1.5
#: T2 of an infarct rises by this share, with the square of the hours until so many have passed (our choice): FLAIR is
#: then brighter by a sixth, which a reader begins to see, at four and a half hours (Thomalla et al., Lancet Neurol
#: 10:978, 2011).
INFARCT_T2_RISE, T2_RISE_HOURS = 0.4, 8.0
#: Veins that drain starved tissue carry more deoxygenated blood and look wider on SWI (our choice of strength).
STARVED_VEINS = 0.5
RIPPLE = 0.03

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Part:
    """A share of some voxels."""

    voxels: Indices
    """(K,) flat indices into the fine grid."""
    share: Floats
    """(K,) 0..1."""


@dataclass(frozen=True)
class Body:
    """What is scanned."""

    labels: NDArray[np.uint8]
    """(z, y, x) index into `tissue.TISSUES`."""
    ripple: Floats
    """(z, y, x) slow variation of the signal inside tissues, around 1."""
    infarct: Part
    veins: Part
    arteries: Part
    flowing: Floats
    """(K,) for each voxel of `arteries`: the share of its blood that still flows, 0..1."""
    clot: Part
    starved: Floats
    """(K,) for each voxel of `veins`: how far the tissue around it lacks blood, 0..1."""
    table: TissueMaps
    """(2 N + 3,): parameters of the N tissues, of the same infarcted, of arterial and venous blood and of the clot."""

    def spread(self, values: Floats, *, flowing: Floats | float | None = None, ripple: bool = True) -> Floats:
        """From values per tissue, (2 N + 3,) in the table's order, to values per voxel, (z, y, x).

        Args:
            values: of each entry of `table`.
            flowing: value of blood that flows, for all or for each voxel of `arteries`; None: as blood that stands.
            ripple: whether the values vary slowly inside tissues; what is no signal does not.
        """
        count = len(tissue.TISSUES)
        spread = np.take(values[:count], self.labels)
        flat = spread.reshape(-1)
        inside = self.labels.reshape(-1)[self.infarct.voxels]
        flat[self.infarct.voxels] += self.infarct.share * (values[count:][inside] - values[inside])
        if ripple:
            spread *= self.ripple
        self._mix(flat, self.veins, values[-2])
        blood = values[-3] if flowing is None else values[-3] + self.flowing * (np.asarray(flowing) - values[-3])
        self._mix(flat, self.arteries, blood)
        self._mix(flat, self.clot, values[-1])
        return spread

    def susceptibility(self) -> Floats:
        """Against brain tissue, ppm, (z, y, x)."""
        spread = self.spread(self.table.susceptibility_ppm, ripple=False)
        extra = STARVED_VEINS * self.starved * self.veins.share * np.float32(tissue.VEIN.susceptibility_ppm)
        spread.reshape(-1)[self.veins.voxels] += extra
        return spread

    @staticmethod
    def _mix(flat: Floats, part: Part, value: NDArray[np.floating] | np.floating) -> None:
        there = flat[part.voxels]
        flat[part.voxels] = there + part.share * (value - there)


def build_body(head: Head, stroke: Stroke, field_tesla: float) -> Body:
    """Put a stroke into a head, at a field strength (tesla)."""
    arteries = _part(head.arterial)
    flows = 1.0 - np.clip(stroke.no_flow.reshape(-1)[arteries.voxels] / arteries.share, 0.0, 1.0)
    veins = _part(head.venous)
    return Body(
        labels=head.labels,
        ripple=1.0 + np.float32(RIPPLE) * head.texture,
        infarct=_part(stroke.infarct),
        veins=veins,
        arteries=arteries,
        flowing=flows.astype(np.float32),
        clot=_part(stroke.clot),
        starved=stroke.starved.reshape(-1)[veins.voxels],
        table=_table(stroke, field_tesla),
    )


def _part(share: Floats) -> Part:
    flat = share.reshape(-1)
    voxels = np.flatnonzero(flat > 1e-3)
    return Part(voxels, flat[voxels])


def _table(stroke: Stroke, field_tesla: float) -> TissueMaps:
    tissues = [*tissue.TISSUES, *(infarcted(each, stroke.hours, stroke.oedema) for each in tissue.TISSUES)]
    tissues += [tissue.ARTERY, tissue.VEIN, stroke.clot_tissue]
    at = tissue.at_field
    columns = zip(
        *(
            (
                each.proton_density,
                at(each.t1_ms, field_tesla),
                each.t2_ms,
                at(each.t2_star_ms, field_tesla),
                each.diffusivity,
                each.susceptibility_ppm,
            )
            for each in tissues
        ),
        strict=True,
    )
    return TissueMaps(*(np.array(column, dtype=np.float32) for column in columns))


def infarcted(healthy: tissue.Tissue, hours: float, oedema: bool = False) -> tissue.Tissue:
    """Brain tissue so many hours after its blood supply stopped; or, with `oedema`, swollen without any infarct."""
    if healthy not in tissue.BRAIN:
        return healthy
    if oedema:  # a mimic: water between the cells, so that both T2 and diffusivity are raised
        return replace(healthy, t2_ms=1.5 * healthy.t2_ms, diffusivity=1.5 * healthy.diffusivity)
    restricted = 1.0 - (1.0 - INFARCT_ADC_SHARE) * (1.0 - float(np.exp(-hours / ADC_FALL_HOURS)))
    rise = 1.0 + INFARCT_T2_RISE * min(1.0, hours / T2_RISE_HOURS) ** 2
    return replace(healthy, t2_ms=rise * healthy.t2_ms, diffusivity=restricted * healthy.diffusivity)
