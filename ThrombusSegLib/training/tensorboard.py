"""TensorBoard, where it is installed (`pip install tensorboard`); nothing depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from .checkpoint import cannot_write


class Board(Protocol):
    """What is used of `torch.utils.tensorboard.SummaryWriter`."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Record a number."""

    def close(self) -> None:
        """Write what is left."""


def open_board(folder: Path, step: int) -> Board | None:
    """A writer of events from this step on; None where TensorBoard is not installed.

    Raises:
        MachineError: the events cannot be written, the disk being full for one; the board's methods raise it too.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    with _errors_of_the_disk(folder.name):
        return _Guarded(SummaryWriter(str(folder), purge_step=step), folder.name)


class _Guarded:
    """A board whose disk may be full; TensorBoard writes later than it is told, and then says so."""

    def __init__(self, board: Board, name: str) -> None:
        self._board, self._name = board, name

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """See `Board`."""
        with _errors_of_the_disk(self._name):
            self._board.add_scalar(tag, scalar_value, global_step)

    def close(self) -> None:
        """See `Board`."""
        with _errors_of_the_disk(self._name):
            self._board.close()


@contextmanager
def _errors_of_the_disk(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(name, error) from error
