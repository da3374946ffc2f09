"""Processes that work for another one: started afresh, deaf to Ctrl-C, and gone when that one is gone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor


def start_processes(count: int, begin: Callable[..., object] | None = None, *arguments: object) -> ProcessPoolExecutor:
    """A pool of so many processes.

    Started afresh, not forked: a fork of a process in which other threads run may hang. Ctrl-C is for the process that
    asked; it ends these. Where it is killed and can end nobody, they leave by themselves.

    Args:
        count: how many.
        begin: what each process calls first, with `arguments`; both must be picklable.
    """
    fresh = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, fresh, _begin, (begin, arguments))


def _begin(begin: Callable[..., object] | None, arguments: tuple[object, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    if begin is not None:
        begin(*arguments)


def _leave_with_parent() -> None:
    """End at once, whatever is being done, when the process that asked has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
