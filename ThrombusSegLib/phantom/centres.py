"""What differs between hospitals: field strength, echo times, spacing, noise, and which sequences there are.

One settings file per centre lies in `centres/`; a user's own file does as well. Centre A is the training centre; B to F
are never trained on. Spacings, echo times and noise are common clinical settings, the shares of missing sequences are
plausible ones: both are our choice, no survey stands behind them.
"""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..sequences import Sequence

Range = tuple[float, float]

FOLDER = Path(__file__).parent / "centres"
ORIENTATIONS = ("axial", "coronal", "sagittal")
SUSCEPTIBILITY_KINDS = ("T2*", "SWI", "SWI minIP")
#: Of one image; more than any scan of a head has, and what a laptop can hold.
MOST_VOXELS = 2**26


@dataclass(frozen=True)
class Acquisition:
    """How one sequence is measured at a centre. Ranges are drawn from uniformly, once per case."""

    in_plane_mm: Range
    """Pixel spacing in both in-plane directions, mm."""
    slice_mm: Range
    """Distance between slice centres, mm."""
    echo_time_ms: Range
    """Echo time, ms."""
    noise: Range
    """Standard deviation of the noise in each channel, as a share of the signal of white matter."""
    repetition_time_ms: float = 5000.0
    """Time between excitations, ms."""
    inversion_time_ms: float = 2500.0
    """FLAIR only: time between inversion and excitation, ms."""
    flip_degrees: float = 90.0
    """Flip angle of gradient echoes, degrees."""
    coverage_mm: float = 132.0
    """Extent covered along the slices, mm."""
    field_of_view_mm: Range = (172.0, 206.0)
    """Extent covered in plane: along the rows, along the columns, mm."""
    thickness: float = 0.9
    """Slice thickness as a share of the distance between slices; the rest is gap."""
    orientation: str = "axial"
    """Along which plane the slices lie: axial, coronal or sagittal."""
    present: float = 1.0
    """Share of patients who have this sequence, 0..1."""
    kind: str = "SWI"
    """SWI only: "T2*" is the plain magnitude, "SWI" multiplies with the phase mask, "SWI minIP" projects it."""
    projection_mm: float = 8.0
    """SWI minIP only: thickness over which the minimum is taken, mm."""
    readout_ms: float = 0.0
    """Echo-planar sequences: time of the whole readout, ms; the longer, the stronger the distortion. 0: not planar."""

    def __post_init__(self) -> None:
        if self.orientation not in ORIENTATIONS:
            raise InputError(f"orientation '{self.orientation}' is unknown.", f"Choose {', '.join(ORIENTATIONS)}.")
        if self.kind not in SUSCEPTIBILITY_KINDS:
            raise InputError(f"kind '{self.kind}' is unknown.", f"Choose {', '.join(SUSCEPTIBILITY_KINDS)}.")
        if not 0.0 <= self.present <= 1.0 or not 0.0 < self.thickness <= 1.0:
            raise InputError("present and thickness are shares.", "Choose values from 0 to 1.")
        for name in ("in_plane_mm", "slice_mm", "echo_time_ms", "noise", "field_of_view_mm"):
            low, high = getattr(self, name)
            if low < 0 or (name != "field_of_view_mm" and high < low) or (low == 0 and name != "noise"):
                raise InputError(
                    f"{name} {low} to {high} is no range.", "Give two positive numbers, the smaller first."
                )
        rows, columns = (side / self.in_plane_mm[0] for side in self.field_of_view_mm)
        if not rows * columns * self.coverage_mm / self.slice_mm[0] <= MOST_VOXELS:
            raise InputError(
                f"{rows:.0f} x {columns:.0f} x {self.coverage_mm / self.slice_mm[0]:.0f} voxels are too many.",
                "Choose a larger in_plane_mm or slice_mm, or a smaller field of view or coverage.",
            )


@dataclass(frozen=True)
class Centre:
    """A simulated hospital."""

    name: str
    description: str = ""
    """One sentence for tables."""
    field_tesla: float = 3.0
    """Field strength, tesla; decides relaxation times and how strongly susceptibility blooms."""
    motion_mm: float = 1.0
    """Standard deviation of the patient's shift between two sequences, along each axis, mm."""
    motion_degrees: float = 0.7
    """Standard deviation of the patient's rotation between two sequences, around each axis, degrees."""
    tilt_degrees: float = 8.0
    """Standard deviation of the head's tilt against the slices, around each axis, degrees."""
    shading: float = 0.08
    """Strength of the slow brightness change over the image (receive coils), as a share."""
    scale: Range = (100.0, 2000.0)
    """Range of the brightness of white matter, in the scanner's arbitrary units."""
    acquisitions: dict[Sequence, Acquisition] = field(default_factory=dict)
    """The sequences this centre measures, and how. ADC comes with DWI; its `present` is the share given DWI."""

    def __post_init__(self) -> None:
        if not 1.0 <= self.field_tesla <= 3.5:
            # Relaxation times are known at 1.5 and 3 T and drawn out by straight lines, which end in nonsense.
            raise InputError(f"field_tesla is {self.field_tesla}.", "Choose 1 to 3.5.")
        if not self.acquisitions:
            raise InputError(f"Centre {self.name} measures no sequence.", "Add a table such as [SWI].")
        if Sequence.ADC in self.acquisitions and Sequence.DWI not in self.acquisitions:
            raise InputError(f"Centre {self.name} has ADC without DWI.", "Add a table [DWI]: ADC is computed from it.")


def find_centre(name: str) -> Centre:
    """The centre of that name, or of a settings file of one's own (a path that ends in .toml).

    Raises:
        InputError: no such centre or file, or a setting that is wrong.
    """
    if name.endswith(".toml"):
        return read_centre(Path(name).expanduser())
    if name not in centre_names():
        known = ", ".join(centre_names())
        raise InputError(f"There is no simulated centre '{name}'.", f"Known: {known}; or give a .toml file.")
    return _bundled(name)


def centre_names() -> list[str]:
    """Names of the bundled centres, sorted; the training centre first."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@cache
def _bundled(name: str) -> Centre:
    return read_centre(FOLDER / f"{name}.toml")


def read_centre(path: Path) -> Centre:
    """A centre from its settings file; `InputError` names the setting that is wrong.

    With `base = "A"` the file holds only what differs from that bundled centre.
    """
    values = _on_base(_read(path), path.name)
    tables = {name: values.pop(name) for name in list(values) if isinstance(values[name], dict)}
    acquisitions = {}
    for name, table in tables.items():
        if name not in Sequence.__members__:
            raise InputError(
                f"{path.name}: [{name}] is no sequence.", f"Known: {', '.join(s.value for s in Sequence)}."
            )
        acquisitions[Sequence[name]] = _build(Acquisition, table, f"{path.name}, [{name}]")
    # in the order of the vocabulary: what is drawn must not depend on the order of tables in a file
    ordered = {sequence: acquisitions[sequence] for sequence in Sequence if sequence in acquisitions}
    centre: Centre = _build(Centre, {"name": path.stem, **values, "acquisitions": ordered}, path.name)
    return centre


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"There is no settings file {path.name}.", "Check its path.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not valid TOML: {error}.", "Mend that line.") from error


def _on_base(values: dict[str, Any], where: str) -> dict[str, Any]:
    """The settings of the bundled centre that `base` names, with these in their place; tables setting by setting."""
    if "base" not in values:
        return values
    name = values.pop("base")
    if name not in centre_names():
        raise InputError(f"{where}: base {name!r} is no bundled centre.", f"Known: {', '.join(centre_names())}.")
    merged = _read(FOLDER / f"{name}.toml")
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both else value
    return merged


def _build(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    """A settings record from a table of a file; `InputError` says where and what is wrong."""
    known = {entry.name: str(entry.type) for entry in fields(kind)}
    built: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise InputError(f"{where}: there is no setting '{name}'.", f"Known: {', '.join(known)}.")
        built[name] = _converted(value, known[name], f"{where}: '{name}'")
    needed = {each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING}
    if lacking := sorted(needed - built.keys()):
        raise InputError(f"{where}: {', '.join(lacking)} missing.", "Add it.")
    try:
        return kind(**built)
    except InputError as error:
        raise InputError(f"{where}: {error.sentence}", error.advice) from error


def _converted(value: Any, annotation: str, where: str) -> Any:
    numbers = value if isinstance(value, list) else [value]
    if annotation.startswith("dict"):  # put together by the caller
        return value
    if annotation in ("Range", "float"):
        right = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in numbers)
        if (
            not right
            or isinstance(value, list) != (annotation == "Range")
            or (annotation == "Range" and len(value) != 2)
        ):
            wanted = "two numbers, such as [0.8, 1.0]" if annotation == "Range" else "a number"
            raise InputError(f"{where} has the value {value!r}.", f"Give {wanted}.")
        return (float(numbers[0]), float(numbers[1])) if annotation == "Range" else float(value)
    if annotation == "str" and not isinstance(value, str):
        raise InputError(f"{where} has the value {value!r}.", "Give a text in quotes.")
    return value
