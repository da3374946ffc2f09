"""Crops ahead of the network: processes that draw batches, and processes that simulate cases for them.

A batch depends on its step alone, so drawing ahead changes nothing but the time the network waits.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from typing import Any

import SimpleITK as sitk
import torch

from ..errors import MachineError
from ..processes import start_processes
from .crops import Batch, draw_batch
from .distributed import World
from .settings import TrainSettings
from .sources import Source

#: Simulated cases are made for so many steps ahead.
STEPS_AHEAD = 64
_LOOK_SECONDS = 0.5

#: What a step asks for: of which step the cases, of which step the draws, and whether all crops or this process' own.
_Wish = tuple[int, int, bool]


class Feeder:
    """Batches of a run, in order. Use it in a `with` statement: it ends its processes.

    Args:
        source: where cases come from.
        settings: of the run; `settings.workers` processes draw, 0: this process does.
        world: whose share of each batch is drawn.
    """

    def __init__(self, source: Source, settings: TrainSettings, world: World | None = None) -> None:
        self._source, self._settings, self._world = source, settings, world or World()
        self._pending: dict[_Wish, Future[Batch]] = {}
        self._made: dict[int, Future[None] | None] = {}
        self._draw: ProcessPoolExecutor | None = None
        self._simulate: ProcessPoolExecutor | None = None
        if settings.workers:
            self._leaving = multiprocessing.get_context("spawn").Event()
            self._draw = _processes(settings.workers, source, settings, polite=False, leaving=self._leaving)
            if any(True for _ in source.to_make(0)):
                self._simulate = _processes(settings.workers, source, settings, polite=True)

    def __enter__(self) -> Feeder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._draw is not None:
            self._leaving.set()  # a process that draws may be waiting for a case that nobody makes any more
        for pool in (self._draw, self._simulate):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    def take(self, step: int) -> tuple[Batch, float]:
        """This process' crops of a step, and the seconds that they were waited for.

        Raises:
            InputError, MachineError: what made drawing or simulating fail.
        """
        started = time.perf_counter()
        last = min(step + 2 * self._settings.workers + 1, self._settings.steps - 1)
        self._make(step, step + STEPS_AHEAD if self._simulate else step)
        for ahead in range(step, max(step, last) + 1):
            self._ask((ahead, ahead, False))
        batch = self._answer((step, step, False))
        return batch, time.perf_counter() - started

    def settling(self, step: int, count: int) -> Iterator[Batch]:
        """All crops of the `count` steps before this one, drawn from the cases of this step (of its first ones where
        there are fewer): what the statistics of normalisations are measured on."""
        first = max(0, step - count)
        pool_step = min(step, self._settings.steps - 1)
        wishes = [(pool_step, shown, True) for shown in range(first, min(first + count, self._settings.steps))]
        self._make(pool_step, pool_step)
        for place, wish in enumerate(wishes):
            for ahead in wishes[place : place + 2 * self._settings.workers + 1]:
                self._ask(ahead)
            yield self._answer(wish)

    def _make(self, first: int, last: int) -> None:
        """Have simulated what these steps need, the first one's cases first; of several processes on a machine each
        makes its share. All steps between count: a small pool has lost the first one's cases by the last one."""
        steps = range(first, min(last, self._settings.steps - 1) + 1)
        for number in dict.fromkeys(number for step in steps for number in self._source.to_make(step)):
            if number not in self._made and self._world.mine(number):
                if self._simulate is None:
                    self._source.make(number)
                    self._made[number] = None
                else:
                    self._made[number] = self._simulate.submit(_make, number)

    def _ask(self, wish: _Wish) -> None:
        if self._draw is not None and wish not in self._pending:
            self._pending[wish] = self._draw.submit(_drawn, wish, self._places(wish))

    def _answer(self, wish: _Wish) -> Batch:
        if self._draw is None:
            return _draw_now(self._source, self._settings, wish, self._places(wish))
        future = self._pending.pop(wish)
        while True:
            try:
                return future.result(timeout=_LOOK_SECONDS)
            except TimeoutError:
                self._check_simulation()
            except BrokenProcessPool as error:
                raise _ended() from error

    def _check_simulation(self) -> None:
        """What went wrong while simulating would otherwise be waited for forever."""
        for made in self._made.values():
            if made is not None and made.done():
                try:
                    made.result()
                except BrokenProcessPool as error:
                    raise _ended() from error

    def _places(self, wish: _Wish) -> list[int]:
        batch = self._settings.batch
        return list(range(batch)) if wish[2] else list(self._world.places(batch))


def _ended() -> MachineError:
    return MachineError(
        "A process that prepares crops has ended: for want of memory, or because it ran your script again.",
        "Set fewer workers or a smaller data.phantom_pool and go on with --resume; a script of your own must call the "
        "training below `if __name__ == '__main__':`.",
    )


def _draw_now(source: Source, settings: TrainSettings, wish: _Wish, places: list[int]) -> Batch:
    return draw_batch(source.cases_at(wish[0]), settings, wish[1], places)


def _processes(
    count: int, source: Source, settings: TrainSettings, *, polite: bool, leaving: Event | None = None
) -> ProcessPoolExecutor:
    return start_processes(count, _begin, source, settings, polite, leaving)


#: In a process that prepares: what it was given at its start.
_given: dict[str, Any] = {}


def _begin(source: Source, settings: TrainSettings, polite: bool, leaving: Event | None) -> None:
    if leaving is not None:
        threading.Thread(target=_leave_when, args=(leaving,), daemon=True).start()
    torch.set_num_threads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    if polite and hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(10)  # the network comes first
    _given.update(source=source, settings=settings)


def _leave_when(leaving: Event) -> None:
    """End at once, whatever is being done: nothing is written here."""
    leaving.wait()
    os._exit(0)


def _drawn(wish: _Wish, places: list[int]) -> Batch:
    return _draw_now(_given["source"], _given["settings"], wish, places)


def _make(number: int) -> None:
    _given["source"].make(number)
