"""The tables of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from ..inference.result import SegmentResult
from ..lesions import Candidate
from ..lesions.midline import MIDLINE_MM
from ..preprocess import Registration
from ..sequences import Sequence

_STAGES = {
    "load": "load the network",
    "read": "read the files",
    "register": "register",
    "resample": "resample",
    "normalise": "normalise",
    "network": "network",
    "back": "back into the reference grid",
    "candidates": "measure candidates",
    "report": "pictures",
    "write": "write the files",
}

_DEFINITIONS = {
    "Probability": "highest (and mean) of the network’s output inside; it is not calibrated, read it as a rank.",
    "Volume": "voxels times voxel volume. On SWI it includes blooming and cannot be compared with volumes from CT.",
    "Length": "Feret’s maximum diameter, a straight line through the voxels from end to end. A bent clot is longer "
    "along its vessel.",
    "Width": "largest diameter across the length within a slice, as read on the picture; it includes blooming.",
    "Side": f"the patient’s, of the centroid against the mid plane of the head; midline within {MIDLINE_MM:g} mm.",
    "Centroid": "right, anterior and superior (R, A, S) in scanner coordinates, mm.",
    "Slices": "of the reference sequence, counted from 1 in the order of its file.",
}


def measures_table(result: SegmentResult) -> str:
    """One row per candidate, with the meaning of each measure below."""
    used = [each for each in Sequence if each in result.attention]
    heads = ["", "Probability<small>max (mean)</small>", "Volume<small>mm³</small>", "Length<small>mm</small>"]
    heads += ["Width<small>mm</small>", "Side", "Centroid<small>R, A, S mm</small>", "Slices"]
    heads += [f"{each.value}<small>attention</small>" for each in used if len(used) > 1]
    rows = "".join(_measures_row(candidate, used) for candidate in result.candidates.found)
    meaning = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in _DEFINITIONS.items())
    head = "".join(f"<th>{text}</th>" for text in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table><dl>{meaning}</dl>"


def _measures_row(candidate: Candidate, used: list[Sequence]) -> str:
    first, last = candidate.first_slice, candidate.last_slice
    cells = [
        str(candidate.number),
        f"{candidate.probability_max:.2f} ({candidate.probability_mean:.2f})",
        f"{candidate.volume_mm3:.0f}",
        f"{candidate.length_feret_mm:.1f}",
        f"{candidate.width_mm:.1f}",
        candidate.side,
        ", ".join(f"{value:.1f}" for value in candidate.centroid_ras).replace("-", "−"),
        str(first) if first == last else f"{first}–{last}",
    ]
    if len(used) > 1:
        cells += [f"{candidate.attention[each]:.2f}" for each in used]
    return _row(cells)


def sequences_table(result: SegmentResult) -> str:
    """Which sequences were used, and how each came onto the reference; and which were absent."""
    rows = []
    compared = any(each.similarity_before is not None for each in result.prepared.registrations.values())
    for sequence in Sequence:
        if sequence in result.prepared.images:
            registration = result.prepared.registrations[sequence]
            rows.append(
                _row([sequence.value, result.sources.get(sequence, ""), how(registration), _similarity(registration)])
            )
        else:
            rows.append(_row([sequence.value, "absent", "left out; the network does not guess it", ""], "absent"))
    heads = (
        f"<th>Sequence</th><th>File</th><th>Onto the reference</th><th>{'Mutual information' if compared else ''}</th>"
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def how(registration: Registration) -> str:
    """How a sequence was brought onto the reference, in words."""
    if registration.how == "reference":
        return "the reference; all others were brought onto it"
    if registration.how == "same grid":
        return "same grid, nothing to do"
    if registration.how == "header":
        return "placed by its header, not registered"
    return f"registered: turned by {registration.rotation_degrees:.1f}°, moved by {registration.translation_mm:.1f} mm"


def _similarity(registration: Registration) -> str:
    before, after = registration.similarity_before, registration.similarity_after
    if before is None:
        return ""
    return f"{before:.3f}" if after is None or before == after else f"{before:.3f} → {after:.3f}"


def times_table(result: SegmentResult) -> str:
    """Seconds per stage, with bars."""
    seconds = {name: value for name, value in result.seconds.items() if name != "total"}
    longest = max([*seconds.values(), 1e-9])
    rows = "".join(
        f'<tr><td>{escape(_STAGES.get(name, name))}</td><td class="number">{value:.2f} s</td>'
        f'<td><i style="width:{100 * value / longest:.1f}%"></i></td></tr>'
        for name, value in seconds.items()
    )
    head = '<tr><th>Stage</th><th class="number">Time</th><th></th></tr>'
    return f'<table class="times"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def details(result: SegmentResult, versions: Mapping[str, str]) -> str:
    """Weights, settings, machine, versions."""
    memory = "" if result.peak_memory_mib is None else f"{result.peak_memory_mib:.0f} MiB"
    items = [
        ("Weights", f"{escape(result.weights.name)}, trained on {escape(result.weights.trained_on)}"),
        ("SHA-256", f"<code>{escape(result.weights.sha256)}</code>"),
        ("Model card", escape(result.weights.card)),
        ("Threshold", f"probability {result.threshold:g}, at least {result.minimum_volume_mm3:g} mm³"),
        ("Device", escape(result.device)),
        ("Peak memory", memory),
        ("Versions", escape(", ".join(f"{name} {version}" for name, version in versions.items()))),
        ("Pictures", escape(_pictures(result))),
    ]
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in items if text) + "</dl>"


def _pictures(result: SegmentResult) -> str:
    spacing = result.prepared.working_grid.spacing
    return f"what the network sees: native slices, {spacing[0]:.2g} mm in plane, intensities normalised per sequence"


def _row(cells: Iterable[str], style: str = "") -> str:
    inside = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr class="{style}">{inside}</tr>' if style else f"<tr>{inside}</tr>"
