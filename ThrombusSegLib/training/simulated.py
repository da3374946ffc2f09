"""Cases that the simulator makes while the training runs.

Which cases there are at a step is fixed by the step alone, so that a resumed run, and every process of several, sees
the same ones: a few at first, then one more every `EVERY` steps; once the pool is full, the newest takes the place of
the oldest. They lie prepared on disk, memory-mapped by whoever draws crops from them.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

from ..case import Case
from ..phantom import Centre, simulate_case
from ..version import __version__
from . import cases as prepared
from .cases import TrainingCase, prepare_case
from .checkpoint import make_folder

#: Cases there are at the first step, and steps after which there is one more. A case takes four to five seconds on one
#: core, a step of the shipped size two to three seconds on two: simulating then takes about a tenth of their time.
START, EVERY = 8, 8
#: One case in so many is a patient without a clot, as many a stroke unit sees (our choice).
MIMIC_EVERY = 10
#: The seed of the cases to validate on lies this far from that of the cases to train on.
VALIDATION_SEED = 1_000_003
_LOOK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True)
class SimulatedPool:
    """The simulated cases of a run. Holds nothing open, so that it can be handed to another process."""

    centre: Centre
    seed: int
    size: int
    """Cases at a time."""
    folder: Path
    """Where they are kept, prepared."""

    def numbers_at(self, step: int) -> range:
        """The numbers of the cases that crops of this step are drawn from."""
        made = min(START, self.size) + step // EVERY
        return range(max(0, made - self.size), made)

    def make(self, number: int) -> None:
        """Simulate and prepare a case, unless it is there.

        Raises:
            MachineError: it cannot be written, the disk being full for one.
        """
        if self._open(number) is not None:
            return
        simulated = simulate_case(self.centre, self.seed, number, clot=number % MIMIC_EVERY != MIMIC_EVERY - 1)
        case = Case(self._name(number), simulated.images, simulated.labels)
        make_folder(self.folder)
        prepared._save(self.folder, self._name(number), self._signature(), prepare_case(case, simulated=True))

    def open(self, number: int) -> TrainingCase:
        """A case; waits until whoever makes it has done so."""
        while True:
            case = self._open(number)
            if case is not None:
                return replace(case, simulated=True)
            time.sleep(_LOOK_AGAIN_SECONDS)

    def forget(self, step: int) -> None:
        """Remove the cases that no step from this one on needs."""
        for number in range(self.numbers_at(step).start - 1, -1, -1):
            gone = [*self.folder.glob(f"{self._name(number)}.*")]
            if not gone:
                return  # older ones went before
            for path in gone:
                path.unlink(missing_ok=True)

    @property
    def digest(self) -> str:
        """Changes when a setting of the centre does."""
        return hashlib.sha256(repr(self.centre).encode()).hexdigest()

    def _open(self, number: int) -> TrainingCase | None:
        return prepared._open(self.folder, self._name(number), self._signature())

    def _name(self, number: int) -> str:
        return f"{self.centre.name}-{self.seed}-{number:05d}"

    def _signature(self) -> str:
        return hashlib.sha256(f"{prepared.FORMAT} {__version__} {self.centre!r}".encode()).hexdigest()
