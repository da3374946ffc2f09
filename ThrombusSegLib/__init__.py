"""ThrombusSeg's library: sequences in; thrombus, attention and measures out. It never imports slicer, qt or vtk."""

from __future__ import annotations

from .version import __version__

__all__ = ["__version__"]
