"""Which sequence is this? From a name, or from DICOM tags; every guess says why.

The order of `NAME_RULES` matters: what looks like one of ours but is not (eADC, phase, b0) is ruled out first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .vocabulary import Sequence


@dataclass(frozen=True)
class Guess:
    """What an image probably is."""

    sequence: Sequence | None
    """None: recognised as something that ThrombusSeg does not use."""
    reason: str
    """In plain words, for a tooltip."""
    confidence: float
    """0..1."""
    kind: str
    """What exactly, such as "T2*", "minIP SWI", "phase"."""


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    sequence: Sequence | None
    kind: str
    confidence: float


def _rule(pattern: str, sequence: Sequence | None, kind: str, confidence: float = 0.9) -> _Rule:
    # A word begins where a letter or digit does not precede it, and ends likewise: "adc" is not in "broadcast".
    return _Rule(re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z])", re.IGNORECASE), sequence, kind, confidence)


NAME_RULES: tuple[_Rule, ...] = (
    _rule(r"locali[sz]er|scout|survey|3[- _]?plane", None, "localizer"),
    _rule(r"e[-_ ]?adc|exp[a-z]*[-_ ]?adc", None, "exponential ADC"),
    _rule(r"(?:swi|swan|t2\*?|gre)?[-_ ]?(?:pha|phase|filt[-_ ]?pha)(?:[-_ ]?images?)?", None, "phase"),
    _rule(r"qsm|chi[-_ ]?map", None, "susceptibility map"),
    _rule(r"perf(?:usion)?|dsc|pwi|asl|cbf|cbv|mtt|tmax", None, "perfusion"),
    _rule(r"mask|seg(?:mentation)?|labels?|probability\w*|attention\w*|lesion|roi|consensus|gt", None, "mask or map"),
    _rule(r"adc|d?adc[-_ ]?map|apparent[-_ ]?diffusion\w*", Sequence.ADC, "ADC", 0.95),
    _rule(r"b[-_ ]?0(?:[-_ ]?(?:image|map))?|bnull", None, "b0 image"),
    _rule(r"(?:swi|swan|ven[-_ ]?bold)[-_ ]?(?:m|min)[-_ ]?ip|min[-_ ]?ip(?:[-_ ]?swi)?|mip[-_ ]?images?(?:\(sw\))?",
          Sequence.SWI, "minIP SWI", 0.85),
    _rule(r"swi[a-z]?|swan|swip|ven[-_ ]?bold|suscept\w*", Sequence.SWI, "SWI", 0.95),
    _rule(r"t2[-_ ]?(?:\*|star|fl2d|ffe|gre)\w*|(?:fl2d|gre|ffe)[-_ ]?\w*hemo\w*|hemo\w*", Sequence.SWI, "T2*"),
    _rule(r"flair\w*|t2[-_ ]?flair\w*|dark[-_ ]?fluid|tirm\w*", Sequence.FLAIR, "FLAIR", 0.95),
    _rule(r"(?:\w*[-_ ])?b[-_ =]?(?:[5-9]\d\d|[12]\d\d\d)(?:\w*trace\w*)?", Sequence.DWI, "DWI", 0.9),
    _rule(r"dwi\w*|trace\w*|iso[-_ ]?dwi|ep2d[-_ ]?diff\w*|diff(?:usion)?|resolve", Sequence.DWI, "DWI", 0.85),
    _rule(r"tof\w*|(?:3d[-_ ]?)?mra|angio\w*|time[-_ ]of[-_ ]flight", Sequence.TOF, "TOF", 0.9),
    _rule(r"gre|ffe|mag(?:nitude)?|field[-_ ]?echo", Sequence.SWI, "T2*", 0.4),
    _rule(r"t1\w*|mp[-_ ]?rage|bravo|spgr", None, "T1"),
    _rule(r"t2\w*", None, "T2"),
)  # fmt: skip


def recognise_name(text: str) -> Guess | None:
    """Guess from a file name or a series description; None when nothing in it is known. Never raises."""
    name = re.sub(r"\.(nii(\.gz)?|nrrd|nhdr|mha|mhd|dcm)$", "", text.strip(), flags=re.IGNORECASE)
    # Underscores part words; a number glued to letters does not.
    for rule in NAME_RULES:
        found = rule.pattern.search(name.replace("_", " "))
        if found:
            return Guess(rule.sequence, f"its name contains '{found.group(0).strip()}'", rule.confidence, rule.kind)
    return None


def recognise_dicom(tags: Mapping[str, str]) -> Guess | None:
    """Guess from DICOM attributes by keyword (values as text; several values joined by a backslash). Never raises.

    What the scanner measured (ImageType, b-value, echo and inversion time) outweighs what somebody named it.
    """
    named = recognise_name(" ".join(tags.get(key, "") for key in ("SeriesDescription", "ProtocolName", "SequenceName")))
    measured = _from_image_type(tags) or _from_b_value(tags) or _from_timing(tags, named)
    if measured is None:
        return named
    if named is not None and named.sequence is not measured.sequence and named.sequence is not None:
        reason = f"{measured.reason}, although {named.reason}"
        return Guess(measured.sequence, reason, 0.7 * measured.confidence, measured.kind)
    return measured


def _from_image_type(tags: Mapping[str, str]) -> Guess | None:
    parts = {part.strip().upper() for part in tags.get("ImageType", "").split("\\")}
    if parts & {"ADC", "ADC_UNSPECIFIED"}:
        return Guess(Sequence.ADC, "its image type is ADC", 0.98, "ADC")
    if parts & {"EADC", "EXP"}:
        return Guess(None, "its image type is exponential ADC", 0.95, "exponential ADC")
    if parts & {"P", "PHASE", "PHASE MAP"}:
        return Guess(None, "its image type is phase", 0.95, "phase")
    if parts & {"MNIP", "MIN IP", "MINIP"}:
        return Guess(Sequence.SWI, "its image type is a minimum intensity projection", 0.9, "minIP SWI")
    return None


def _from_b_value(tags: Mapping[str, str]) -> Guess | None:
    value = _number(tags, "DiffusionBValue")
    if value is None:
        return None
    if value >= 400.0:
        return Guess(Sequence.DWI, f"its b-value is {value:g} s/mm2", 0.97, "DWI")
    return Guess(None, f"its b-value is only {value:g} s/mm2", 0.9, "b0 image")


def _from_timing(tags: Mapping[str, str], named: Guess | None) -> Guess | None:
    echo, inversion = _number(tags, "EchoTime"), _number(tags, "InversionTime")
    scanning = {part.strip().upper() for part in tags.get("ScanningSequence", "").split("\\")}
    if inversion is not None and 1700.0 <= inversion <= 3000.0 and (echo or 0.0) >= 60.0:
        return Guess(Sequence.FLAIR, f"inversion at {inversion:g} ms and echo at {echo:g} ms null fluid", 0.9, "FLAIR")
    if "GR" not in scanning or echo is None:
        return None
    if echo >= 12.0 and "EP" not in scanning:
        kind = named.kind if named is not None and named.sequence is Sequence.SWI else "T2*"
        return Guess(Sequence.SWI, f"a gradient echo at {echo:g} ms shows susceptibility", 0.85, kind)
    if tags.get("AngioFlag", "").upper() == "Y":
        return Guess(Sequence.TOF, f"an angiographic gradient echo at {echo:g} ms", 0.9, "TOF")
    return None


def _number(tags: Mapping[str, str], keyword: str) -> float | None:
    try:
        value = float(str(tags.get(keyword, "")).split("\\")[0])
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None
