"""Where crops come from: cases of a manifest, simulated ones, or both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..case import ManifestRow
from ..progress import Progress, silent
from .cases import TrainingCase, load_cases
from .settings import Registration
from .simulated import SimulatedPool


class Source(Protocol):
    """What the feeder needs. Travels to other processes, so it holds names and paths, and opens cases when asked."""

    @property
    def names(self) -> list[str]:
        """Of the cases of the manifest, for the checkpoint: a run goes on with the same ones only."""

    @property
    def contents(self) -> dict[str, str]:
        """What is trained on, by name ("case p1"), each with a digest, for the checkpoint; only what has one."""

    def to_make(self, step: int) -> Iterable[int]:
        """Numbers of simulated cases that a step needs; may be there already."""

    def make(self, number: int) -> None:
        """Simulate one of them, unless it is there."""

    def cases_at(self, step: int) -> list[TrainingCase]:
        """The cases that crops of a step are drawn from; waits for those that are being made."""

    def forget(self, step: int) -> None:
        """No step before this one will be asked for again."""


@dataclass
class CaseSource:
    """The cases of a manifest and a pool of simulated ones; either may be missing, not both."""

    rows: list[ManifestRow]
    cache: Path
    """Folder of prepared cases."""
    registration: Registration = "never"
    pool: SimulatedPool | None = None
    _listed: list[TrainingCase] | None = field(default=None, repr=False)
    _simulated: dict[int, TrainingCase] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, object]:
        """Open cases stay behind: the other process maps the same files."""
        return self.__dict__ | {"_listed": None, "_simulated": {}}

    @property
    def names(self) -> list[str]:
        """See `Source`."""
        return [row.case for row in self.rows]

    @property
    def contents(self) -> dict[str, str]:
        """See `Source`; of the simulator it is the centre with all its settings."""
        if self.rows and self._listed is None:
            self.prepare()
        found = {f"case {row.case}": case.digest for row, case in zip(self.rows, self._listed or (), strict=False)}
        if self.pool:
            found[f"the simulated centre {self.pool.centre.name}"] = self.pool.digest
        return found

    def prepare(self, progress: Progress = silent) -> None:
        """Prepare the cases of the manifest, where that was not done before. Raises what `load_cases` raises."""
        if self.rows:
            self._listed = load_cases(self.rows, self.cache, progress, registration=self.registration)

    def to_make(self, step: int) -> Iterable[int]:
        """See `Source`."""
        return self.pool.numbers_at(step) if self.pool else ()

    def make(self, number: int) -> None:
        """See `Source`."""
        if self.pool:
            self.pool.make(number)

    def cases_at(self, step: int) -> list[TrainingCase]:
        """See `Source`."""
        if self._listed is None:
            self.prepare()
        numbers = list(self.to_make(step))
        for number in numbers:
            if self.pool and number not in self._simulated:
                self._simulated[number] = self.pool.open(number)
        for number in self._simulated.keys() - set(numbers):
            del self._simulated[number]
        return [*(self._listed or ()), *(self._simulated[number] for number in numbers)]

    def forget(self, step: int) -> None:
        """See `Source`."""
        if self.pool:
            self.pool.forget(step)


@dataclass(frozen=True)
class FixedCases:
    """Cases in memory: for scripts that prepare their own, and for tests."""

    cases: list[TrainingCase]

    @property
    def names(self) -> list[str]:
        """See `Source`."""
        return [str(number) for number in range(len(self.cases))]

    @property
    def contents(self) -> dict[str, str]:
        """See `Source`; of cases in memory nothing is known."""
        return {}

    def to_make(self, step: int) -> Iterable[int]:
        """See `Source`."""
        return ()

    def make(self, number: int) -> None:
        """See `Source`."""

    def cases_at(self, step: int) -> list[TrainingCase]:
        """See `Source`."""
        return self.cases

    def forget(self, step: int) -> None:
        """See `Source`."""
