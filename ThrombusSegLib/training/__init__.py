"""Training UpAttLLSTM: settings, curriculum with gradual modality dropout, crops, losses, loop."""

from __future__ import annotations

from .settings import TrainSettings, read_settings

__all__ = ["TrainSettings", "read_settings"]
