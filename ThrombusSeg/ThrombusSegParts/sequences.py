"""The MRI sequences in their fixed order, as `ThrombusSegLib.sequences` names them (a test compares the two).

They stand here a second time so that the panel opens, and can say what is missing, even where the library cannot be
imported: Slicer's own Python may lack what the library needs.
"""

from __future__ import annotations

SEQUENCES = ("SWI", "DWI", "ADC", "FLAIR", "TOF")
