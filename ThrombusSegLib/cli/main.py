"""Assembles the sub-commands, and turns what they raise into one line and an exit status."""

from __future__ import annotations

import argparse
import contextlib
import locale
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from typing import NoReturn

from ..errors import Cancelled, InputError, ThrombusSegError
from ..version import __version__
from . import batch, benchmark, demo, evaluate, experiment, export, phantom, review, segment, train, weights, worker

#: Set to 1 to see the traceback of every error.
DEBUG_VARIABLE = "THROMBUSSEG_DEBUG"
_INTERRUPTED = 130
#: So much later than another process the first of a machine may find what is wrong with the input, seconds.
_LATER_SECONDS = 20.0


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as all our errors."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"thrombusseg: {message}. See `{self.prog} --help`.\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser with all sub-commands; each sets `func`, which takes the parsed arguments and returns the status."""
    parser = _Parser(
        prog="thrombusseg",
        description="Find the culprit thrombus of an ischaemic stroke on whatever MRI sequences there are. "
        "Research software, not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"thrombusseg {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    for command in (
        segment,
        demo,
        batch,
        review,
        export,
        phantom,
        train,
        evaluate,
        experiment,
        benchmark,
        weights,
        worker,
    ):
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns 0 done, 1 a defect of ours, 2 the input is at fault, 3 the machine is, 130 interrupted."""
    parsed = build_parser().parse_args(arguments)
    debug = os.environ.get(DEBUG_VARIABLE) == "1"
    _end_politely()
    _utf8_file_names()
    try:
        return int(parsed.func(parsed))
    except ThrombusSegError as error:
        if debug:
            traceback.print_exc()
        if _speaks(error):
            print(f"thrombusseg: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_status
    except (KeyboardInterrupt, Cancelled):
        if _first_of_machine():
            print("thrombusseg: interrupted; no half-written result is left.", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that closing stdout does not complain a second time
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort: a defect is one line too, unless asked for more
        if debug:
            traceback.print_exc()
        about = _without_folders(" ".join(str(error).split()))[:200]
        print(f"thrombusseg: a defect of ThrombusSeg ({type(error).__name__}: {about}). ", end="", file=sys.stderr)
        print(f"Run again with {DEBUG_VARIABLE}=1 and report what it shows.", file=sys.stderr)
        return 1


def _speaks(error: ThrombusSegError) -> bool:
    """Whether this process tells. All processes of torchrun find what is wrong with the input, and the first of each
    machine says it; torchrun then ends the others. One that is still there a while later is alone with its error."""
    if not _first_of_machine() and isinstance(error, InputError):
        try:
            time.sleep(_LATER_SECONDS)
        except KeyboardInterrupt:
            return False
    return True


def _first_of_machine() -> bool:
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _without_folders(text: str) -> str:
    """File names only: a folder may be named after a patient."""
    quoted = re.sub(r"(['\"])(?:[^'\"]*[\\/])([^'\"\\/]*)\1", r"\1\2\1", text)
    return re.sub(r"(?<![\w.])(?:[A-Za-z]:)?[\\/](?:[^\s'\":,;]*[\\/])?([^\s'\":,;\\/]*)", r"\1", quoted)


def _utf8_file_names() -> None:
    """On Windows SimpleITK hands UTF-8 names to the C library, which takes them for that only in a UTF-8 locale."""
    if sys.platform == "win32":
        with contextlib.suppress(locale.Error):  # before Windows 10 of 2018
            locale.setlocale(locale.LC_CTYPE, ".UTF8")


def _end_politely() -> None:
    """Let a request to end (SIGTERM) clean up as Ctrl-C does."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
