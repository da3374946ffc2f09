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
    contradiction: str = ""
    """A part of the name that tells of another image, where only the name says anything."""


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    sequence: Sequence | None
    kind: str
    confidence: float


#: Planes and dimensions are often glued to the front ("AxSWI", "3DTOF").
_PLANE = r"(?:(?:ax(?:ial)?|sag|cor|tra|[23]d)[-_ ]?)?"


def _rule(pattern: str, sequence: Sequence | None, kind: str, confidence: float = 0.9) -> _Rule:
    # A word begins where a letter or digit does not precede it, and ends likewise: "adc" is not in "broadcast".
    expression = re.compile(rf"(?<![a-z0-9]){_PLANE}(?:{pattern})(?![a-z])", re.IGNORECASE)
    return _Rule(expression, sequence, kind, confidence)


#: Between two words of a name, in any distance, or glued.
_GAP = r"(?:[^a-z].*?(?<![a-z]))?"
#: Philips calls its TOF so ("inflow, multi-chunk"), its single-shot DWI "DW SSh", and puts an s before what uses SENSE.
_INFLOW = r"s?3di[-_ ]mc(?:[-_ ]hr)?"
_ANGIOGRAM = rf"{_PLANE}(?:(?:tof|mra|angio|time[-_ ]of[-_ ]flight)[a-z]*|{_INFLOW})"
_MAXIMUM = r"m(?:ax)?[-_ ]?ips?|max(?:imum)?[-_ ]?int\w*|proj(?:ection)?s?|pjn|col(?=:)|collapsed?|tumble"
#: SWI and SWIp (Siemens, Philips), SWAN (GE), VenoBOLD (Philips), FSBB (Canon), BSI (Hitachi).
_SWI = r"e?swi[a-z]?|e?swan|s?veno?[-_ ]?bold|fsbb|bsi"
_SUSCEPTIBILITY = rf"{_PLANE}(?:{_SWI}|e?swi|suscept)[a-z]*"
_MINIMUM = r"m(?:in|n)?[-_ ]?ips?|min(?:imum)?[-_ ]?int\w*"

#: Beside the name of one of these, "T1" tells of another image: of a T1-weighted FLAIR, or of a list of several.
_NEVER_T1 = frozenset({Sequence.FLAIR, Sequence.DWI, Sequence.SWI})
_T1 = re.compile(r"(?<![a-z0-9])t1[a-z]*", re.IGNORECASE)

_HIGH_B = r"b[-_ =]?(?:[4-9]\d\d|[1-9]\d\d\d)"

NAME_RULES: tuple[_Rule, ...] = (
    _rule(r"(?:aahead[-_ ]?)?(?:locali[sz]er|scout|survey)|3[- _]?plane(?:[-_ ]?loc)?|loc", None, "localizer"),
    _rule(r"mask|msk|seg(?:mentation)?|labels?|probability\w*|attention\w*|lesion|roi|consensus|gt", None,
          "mask or map"),
    _rule(r"e[-_ ]?adc|exp[a-z]*[-_ ]?(?:adc|apparent[-_ ]?diffusion\w*)", None, "exponential ADC"),
    _rule(r"(?:swi|swan|t2\*?|gre)?[-_ ]?(?:pha|phase|filt[-_ ]?pha)(?:[-_ ]?(?:images?|map))?", None, "phase"),
    _rule(r"qsm|chi[-_ ]?map|susceptibility[-_ ]?map", None, "susceptibility map"),
    _rule(r"(?:gre[-_ ]?)?field[-_ ]?map(?:ping)?", None, "field map"),
    _rule(r"perf(?:usion)?|dsc|pwi|asl|cbf|cbv|mtt|tmax|ttp", None, "perfusion"),
    _rule(r"[dr]?adc(?:[-_ ]?map)?|apparent[-_ ]?diffusion\w*|average[-_ ]?dc", Sequence.ADC, "ADC", 0.95),
    _rule(rf"{_ANGIOGRAM}{_GAP}(?:{_MAXIMUM})|(?:{_MAXIMUM}){_GAP}{_ANGIOGRAM}", None, "projection of an angiogram"),
    _rule(rf"(?:[a-z0-9]*[-_ ])?{_HIGH_B}(?:t|\w*trace\w*)?|dwi[-_ ]?\d{{3,4}}", Sequence.DWI, "DWI"),
    _rule(r"b[-_ =]?0(?:[-_ ]?(?:images?|map|t))?|bnull", None, "b0 image"),
    _rule(rf"{_SUSCEPTIBILITY}{_GAP}(?:{_MINIMUM})|(?:{_MINIMUM}){_GAP}{_SUSCEPTIBILITY}|min[-_ ]?ip"
          r"|mip[-_ ]?images?(?:\(sw\))?", Sequence.SWI, "minIP SWI", 0.85),
    _rule(r"mag(?:nitude)?[-_ ]?images?", Sequence.SWI, "T2*", 0.6),  # their protocol is often called SWI
    _rule(rf"{_SWI}|s?veno?[-_ ]?bold[a-z]*|suscept\w*", Sequence.SWI, "SWI", 0.95),
    _rule(r"t2[-_ ]?(?:\*|star|fl2d|ffe|gre|w[-_ ]ffe)\w*|(?:fl2d|gre|ffe)[-_ ]?\w*ha?emo\w*|ha?emo\w*|megre|mpgr"
          r"|t2[-_ ]ha?emo\w*", Sequence.SWI, "T2*"),
    _rule(r"t1\w*[-_ ]?(?:w[-_ ]?)?(?:flair|tirm)", None, "T1"),
    _rule(r"(?:t2[-_ ]?)?flair\w*|dark[-_ ]?fluid|tirm\w*", Sequence.FLAIR, "FLAIR", 0.95),
    _rule(r"[des]?dwi\w*|s?dw[-_ ]ssh|trace\w*|iso[-_ ]?dwi|ep2d[-_ ]?diff\w*|diff(?:usion)?|resolve",
          Sequence.DWI, "DWI", 0.85),
    _rule(r"mrv|venogra\w*", None, "venogram"),
    _rule(rf"tof\w*|mra|angio\w*|time[-_ ]of[-_ ]flight|{_INFLOW}", Sequence.TOF, "TOF"),
    _rule(r"bold|fmri", None, "functional MRI"),
    _rule(r"gre|ffe|mag(?:nitude)?|field[-_ ]?echo|gradient[-_ ]?echo", Sequence.SWI, "T2*", 0.4),
    _rule(r"t1\w*|mp[-_ ]?rage|bravo|spgr", None, "T1"),
    _rule(r"t2\w*", None, "T2"),
    _rule(r"pdw?|proton[-_ ]?density", None, "proton density"),
    _rule(r"fa|fractional[-_ ]?anisotropy|cfa|tensor", None, "diffusion tensor"),
)  # fmt: skip

#: What an echo time cannot tell apart from the susceptibility image itself: here the name has the last word.
_NAMED_ONLY = frozenset(
    {
        "phase",
        "susceptibility map",
        "field map",
        "localizer",
        "mask or map",
        "perfusion",
        "T1",
        "projection of an angiogram",
        "venogram",
    }
)
#: Maps computed from diffusion images may keep the b-value of their source.
_DIFFUSION_MAPS = frozenset({"ADC", "exponential ADC", "diffusion tensor"})


def recognise_name(text: str) -> Guess | None:
    """Guess from a file name or a series description; None when nothing in it is known. Never raises."""
    name = re.sub(r"\.(nii(\.gz)?|nrrd|nhdr|mha|mhd|dcm)$", "", text.strip(), flags=re.IGNORECASE)
    # Underscores part words; a number glued to letters does not.
    for rule in NAME_RULES:
        found = rule.pattern.search(name.replace("_", " "))
        if found:
            other = _T1.search(name.replace("_", " ")) if rule.sequence in _NEVER_T1 else None
            contradiction = other.group(0) if other else ""
            confidence = rule.confidence / 2 if other else rule.confidence
            reason = f"its name contains '{found.group(0).strip()}'"
            return Guess(rule.sequence, reason, confidence, rule.kind, contradiction)
    return None


def recognise_dicom(tags: Mapping[str, str]) -> Guess | None:
    """Guess from DICOM attributes by keyword (values as text; several values joined by a backslash). Never raises.

    What the scanner measured (ImageType, b-value, echo and inversion time) outweighs what somebody named it, except
    where the measurement cannot tell: phase from magnitude by echo time, or a computed map from its source by b-value.
    """
    named = recognise_name(" ".join(tags.get(key, "") for key in ("SeriesDescription", "ProtocolName", "SequenceName")))
    measured = _from_image_type(tags, named) or _from_b_value(tags, named) or _from_timing(tags, named)
    if measured is None or (named is not None and measured.sequence is named.sequence and measured.kind == named.kind):
        return _agreed(named, measured)
    if named is not None and named.sequence is not measured.sequence and named.sequence is not None:
        reason = f"{measured.reason}, although {named.reason}"
        return Guess(measured.sequence, reason, 0.7 * measured.confidence, measured.kind)
    return measured


def _agreed(named: Guess | None, measured: Guess | None) -> Guess | None:
    """Name and measurement say the same, or only the name says anything."""
    if named is None or measured is None:
        return named
    confidence = max(named.confidence, measured.confidence)
    return Guess(measured.sequence, f"{measured.reason}, and {named.reason}", confidence, measured.kind)


def _from_image_type(tags: Mapping[str, str], named: Guess | None) -> Guess | None:
    parts = {part.strip().upper() for part in tags.get("ImageType", "").split("\\")}
    if parts & {"ADC", "ADC_UNSPECIFIED"}:
        return Guess(Sequence.ADC, "its image type is ADC", 0.98, "ADC")
    if parts & {"EADC", "EXP"}:
        return Guess(None, "its image type is exponential ADC", 0.95, "exponential ADC")
    if parts & {"P", "PHASE", "PHASE MAP"}:
        return Guess(None, "its image type is phase", 0.95, "phase")
    if parts & {"FA", "TENSOR", "TENSOR_B0", "FSE"} and "DIFFUSION" in parts:
        return Guess(None, "its image type is a map of the diffusion tensor", 0.9, "diffusion tensor")
    if parts & {"MNIP", "MIN IP", "MINIP", "MIN_IP"}:
        return Guess(Sequence.SWI, "its image type is a minimum intensity projection", 0.9, "minIP SWI")
    if parts & {"MIP", "MAX IP", "MAXIP", "MAX_IP", "PROJECTION IMAGE", "COLLAPSE", "COLLAPSED"}:
        return _projection(tags, named)
    return None


def _projection(tags: Mapping[str, str], named: Guess | None) -> Guess:
    """Of what, the name tells: scanners call minimum and maximum alike."""
    if named is not None and named.sequence is Sequence.SWI:
        return Guess(Sequence.SWI, "its image type is a projection", 0.85, "minIP SWI")
    angiogram = tags.get("AngioFlag", "").strip().upper() == "Y" or named is None or "angiogram" in named.kind
    if angiogram or (named is not None and named.sequence is Sequence.TOF):
        return Guess(None, "its image type is a maximum intensity projection", 0.9, "projection of an angiogram")
    return Guess(None, "its image type is a projection", 0.9, "projection")


def _from_b_value(tags: Mapping[str, str], named: Guess | None) -> Guess | None:
    value = _number(tags, "DiffusionBValue")
    derived = "DERIVED" in tags.get("ImageType", "").upper()
    if value is None or (derived and named is not None and named.kind in _DIFFUSION_MAPS):
        return None
    if value >= 400.0:
        return Guess(Sequence.DWI, f"its b-value is {value:g} s/mm2", 0.97, "DWI")
    return Guess(None, f"its b-value is only {value:g} s/mm2", 0.9, "b0 image")


def _from_timing(tags: Mapping[str, str], named: Guess | None) -> Guess | None:
    echo, inversion = _number(tags, "EchoTime"), _number(tags, "InversionTime")
    scanning = {part.strip().upper() for part in tags.get("ScanningSequence", "").split("\\")}
    if inversion is not None and 1700.0 <= inversion <= 3000.0 and (echo or 0.0) >= 60.0:
        return Guess(Sequence.FLAIR, f"inversion at {inversion:g} ms and echo at {echo:g} ms null fluid", 0.9, "FLAIR")
    if "GR" not in scanning or echo is None or (named is not None and named.kind in _NAMED_ONLY):
        return None
    if echo >= 12.0 and "EP" not in scanning:
        kind = named.kind if named is not None and named.sequence is Sequence.SWI else "T2*"
        return Guess(Sequence.SWI, f"a gradient echo at {echo:g} ms shows susceptibility", 0.85, kind)
    if echo < 8.0 and (tags.get("AngioFlag", "").strip().upper() == "Y" or (named and named.kind == "TOF")):
        return Guess(Sequence.TOF, f"an angiographic gradient echo at {echo:g} ms", 0.9, "TOF")
    if echo < 8.0 and named is not None and named.kind == "T2*" and "EP" not in scanning:
        return Guess(None, f"its echo time of {echo:g} ms is too short to show susceptibility", 0.6, "gradient echo")
    return None


def _number(tags: Mapping[str, str], keyword: str) -> float | None:
    try:
        value = float(str(tags.get(keyword, "")).split("\\")[0])
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None
