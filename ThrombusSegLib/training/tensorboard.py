"""TensorBoard, where it is installed (`pip install tensorboard`); nothing depends on it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Board(Protocol):
    """What is used of `torch.utils.tensorboard.SummaryWriter`."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Record a number."""

    def close(self) -> None:
        """Write what is left."""


def open_board(folder: Path, step: int) -> Board | None:
    """A writer of events from this step on; None where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    board: Board = SummaryWriter(str(folder), purge_step=step)
    return board
