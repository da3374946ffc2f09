"""What the maps of a result are called."""

from __future__ import annotations

from slicer.i18n import tr as _


def mapText(key: str) -> str:
    """A map in the list of maps; the empty key is that of no map."""
    if not key:
        return _("None")
    if key == "probability":
        return _("Probability of a thrombus")
    return _("Attention to {sequence}").format(sequence=key)
