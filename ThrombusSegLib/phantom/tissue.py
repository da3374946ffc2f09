"""Tissues as numbers: proton density, relaxation times, diffusivity, susceptibility.

Sources: T1 and T2 of grey and white matter at 3 T, Wansapura et al., J Magn Reson Imaging 9:531 (1999); T2* at 1.5 and
3 T, Peters et al., Magn Reson Imaging 25:748 (2007); T1 at 1.5 T, Rooney et al., Magn Reson Med 57:308 (2007). Those of
scalp, bone, air and vessels, and all proton densities, are round figures of our choice, good enough for contrast and
for nothing else. Diffusivities of grey and white matter: Helenius et al., AJNR 23:194 (2002). Susceptibility of veins:
that of red cells times a haematocrit of 0.4 times an oxygen extraction of a third (Qin et al., Magn Reson Med 65:471,
2011: 0.37).
Susceptibilities are relative to brain tissue, in ppm (SI); fully deoxygenated red cells differ by about 4 pi * 0.27 =
3.4 ppm (Spees et al., Magn Reson Med 45:533, 2001), air by about 9.4.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tissue:
    """What the signal equations need to know of a tissue."""

    name: str
    proton_density: float
    """Relative to CSF."""
    t1_ms: tuple[float, float]
    """T1 at 1.5 T and at 3 T, ms."""
    t2_ms: float
    """T2, ms; the small change between the fields is left out."""
    t2_star_ms: tuple[float, float]
    """T2* at 1.5 T and at 3 T, ms, without the field of neighbouring structures."""
    diffusivity: float
    """Apparent diffusion coefficient, 1e-3 mm2/s."""
    susceptibility_ppm: float = 0.0
    """Against brain tissue, ppm (SI)."""


AIR = Tissue("air", 0.0, (1000.0, 1000.0), 50.0, (20.0, 20.0), 0.0, 9.4)
SCALP = Tissue("scalp", 0.75, (300.0, 380.0), 70.0, (35.0, 25.0), 0.3)
BONE = Tissue("bone", 0.08, (400.0, 500.0), 10.0, (3.0, 2.0), 0.1, -2.0)
CSF = Tissue("csf", 1.0, (4000.0, 4200.0), 1800.0, (500.0, 400.0), 3.0)
GREY = Tissue("grey matter", 0.82, (1190.0, 1331.0), 110.0, (84.0, 66.0), 0.83)
WHITE = Tissue("white matter", 0.70, (650.0, 832.0), 80.0, (66.0, 53.0), 0.70)
PALLIDUM = Tissue("pallidum", 0.75, (850.0, 950.0), 65.0, (45.0, 26.0), 0.75, 0.15)
ARTERY = Tissue("artery", 0.85, (1440.0, 1650.0), 150.0, (110.0, 80.0), 2.0)
VEIN = Tissue("vein", 0.85, (1440.0, 1600.0), 80.0, (45.0, 22.0), 2.0, 0.45)
MICROBLEED = Tissue("microbleed", 0.5, (1000.0, 1000.0), 40.0, (15.0, 8.0), 0.7, 1.5)
CALCIFICATION = Tissue("calcification", 0.4, (900.0, 1000.0), 30.0, (20.0, 12.0), 0.7, -1.2)
HYPERINTENSITY = Tissue("white matter hyperintensity", 0.80, (950.0, 1150.0), 150.0, (90.0, 75.0), 1.05)
MARROW = Tissue("bone marrow", 0.50, (320.0, 400.0), 60.0, (20.0, 12.0), 0.2)
MUSCLE = Tissue("muscle", 0.75, (1000.0, 1300.0), 38.0, (30.0, 24.0), 1.2)
GLIOSIS = Tissue("gliosis", 0.88, (1250.0, 1500.0), 170.0, (105.0, 88.0), 1.25)
IRON = Tissue("iron-rich nucleus", 0.74, (820.0, 900.0), 58.0, (34.0, 18.0), 0.72, 0.3)

#: In the order of the integer label map of `anatomy`.
TISSUES = (
    AIR, SCALP, BONE, CSF, GREY, WHITE, PALLIDUM, ARTERY, VEIN, MICROBLEED, CALCIFICATION, HYPERINTENSITY,
    MARROW, MUSCLE, GLIOSIS, IRON,
)  # fmt: skip


#: Tissues that die in an infarct.
BRAIN = (GREY, WHITE, PALLIDUM, HYPERINTENSITY, IRON)


def label_of(tissue: Tissue) -> int:
    """The tissue's value in a label map."""
    return TISSUES.index(tissue)


def at_field(pair: tuple[float, float], field_tesla: float) -> float:
    """A value given at 1.5 T and 3 T, at another field strength, by straight line."""
    return pair[0] + (pair[1] - pair[0]) * (field_tesla - 1.5) / 1.5
