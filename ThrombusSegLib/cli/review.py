"""`thrombusseg review`: lists of work, their progress, agreement of two readers, simulated corrections."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .bar import ProgressBar
from .options import add_run_options, folder, is_there, settings_of

if TYPE_CHECKING:
    from ..review import Agreement
    from ..review.worklist import WorkList


_STATES = ("new", "predicted", "in review", "corrected", "checked")


def add_parser(commands: Any) -> None:
    """Add the command with its own sub-commands to the main parser."""
    parser = commands.add_parser(
        "review",
        help="work through a list of cases; compare readers",
        description="The annotator's list: make it, see how far it is, compare two readers. Cases saved in "
        "LIST/corrected are a training set: give that folder to `thrombusseg train` and `thrombusseg evaluate`.",
    )
    parts = parser.add_subparsers(title="what", metavar="WHAT", required=True, parser_class=type(parser))
    _add_list_parsers(parts)
    _add_adopt_parser(parts)
    _add_comparing_parsers(parts)
    _add_simulate_parser(parts)


def _add_list_parsers(parts: Any) -> None:
    new = parts.add_parser("new", help="make a list of a folder or a manifest, or add to one")
    new.add_argument("list", type=folder, metavar="LIST", help="folder of the list")
    new.add_argument("--from", dest="source", type=folder, required=True, metavar="F", help="manifest, or folder")
    keep = "keep the names of cases or folders (short words) instead of numbering them"
    new.add_argument("--keep-names", action="store_true", help=keep)
    new.set_defaults(func=run_new)
    listed = parts.add_parser("list", help="the cases and their status")
    listed.add_argument("list", type=folder, metavar="LIST")
    listed.add_argument("--status", choices=(*_STATES, "unreadable"), help="only these")
    listed.add_argument("--search", default="", metavar="TEXT", help="only cases or centres with this in their name")
    listed.set_defaults(func=run_list)
    status = parts.add_parser("status", help="progress of the whole list, and the next case")
    status.add_argument("list", type=folder, metavar="LIST")
    status.set_defaults(func=run_status)
    for each in (listed, status):
        each.add_argument("--second", default="", metavar="NAME", help="as this second reader sees it (a pseudonym)")
        each.add_argument("--json", action="store_true", help="print JSON")


def _add_adopt_parser(parts: Any) -> None:
    parser = parts.add_parser(
        "adopt",
        help="make what was kept beside a case's versions the newest version",
        description="Of two who saved a case at the same time, the later one's work is kept in CASE/beside. Without "
        "a name, tell what lies there; `thrombusseg export CASE/beside/NAME` shows it. With a name, save it as the "
        "newest version: the others stay as they are. Labels that another program had changed need --by.",
    )
    parser.add_argument("case", type=folder, metavar="CASE", help="folder of a corrected case")
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="of the folder or file in CASE/beside")
    parser.add_argument("--by", default="", metavar="NAME", help="who decides so (a pseudonym); kept in the record")
    parser.set_defaults(func=run_adopt)


def _add_comparing_parsers(parts: Any) -> None:
    agreement = parts.add_parser("agreement", help="agreement of first and second reader")
    agreement.add_argument("list", type=folder, metavar="LIST", help="a list, or a folder of corrected cases")
    agreement.add_argument("--second", required=True, metavar="NAME", help="second reader, or a folder of theirs")
    agreement.set_defaults(func=run_agreement)
    compare = parts.add_parser("compare", help="corrected labels against what had been predicted")
    compare.add_argument("folder", type=folder, metavar="CORRECTED", help="a folder of corrected cases")
    compare.set_defaults(func=run_compare)
    for each in (agreement, compare):
        each.add_argument("--json", action="store_true", help="print JSON")


def _add_simulate_parser(parts: Any) -> None:
    parser = parts.add_parser(
        "simulate",
        help="let a simulated annotator, who knows the labels, correct predictions",
        description="Segment cases of a manifest with labels, take the errors away one by one, and save corrected "
        "cases as an annotator would. For measuring what learning from corrections brings.",
    )
    parser.add_argument("manifest", type=folder, metavar="MANIFEST.csv")
    parser.add_argument("--out", type=folder, required=True, metavar="CORRECTED", help="folder of corrected cases")
    parser.add_argument("--cases", type=int, default=20, metavar="N", help="the first N of the manifest (default 20)")
    parser.add_argument("--centre", default="", metavar="NAME", help="only cases of this centre")
    parser.add_argument("--corrections", type=int, metavar="N", help="stop each case after N corrections")
    parser.add_argument("--copy", action="store_true", help="copy the images instead of referring to them")
    add_run_options(parser)
    parser.set_defaults(func=run_simulate)


def run_new(arguments: argparse.Namespace) -> int:
    """Make or extend a list."""
    from ..review.second import CASES
    from ..review.worklist import RESULTS, make_list, rows_of

    rows = rows_of(is_there(arguments.source), keep_names=arguments.keep_names)
    made = make_list(arguments.list, rows, pseudonymous=not arguments.keep_names)
    print(f"{made.progress()['all']} cases in {arguments.list}.")
    place = arguments.list
    print(f"Predict them: thrombusseg batch '{place / CASES}' --out '{place / RESULTS}'")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """One line per case."""
    work = _list(arguments)
    items = work.items(arguments.status, arguments.search)
    if arguments.json:
        facts = [
            {
                "case": each.case,
                "centre": each.row.centre,
                "status": each.status,
                "annotator": each.annotator,
                "version": each.version,
                "seconds_spent": each.seconds_spent,
                "open_by": each.open_by,
                "trouble": each.trouble,
            }
            for each in items
        ]
        print(json.dumps(facts, indent=1))
        return 0
    for each in items:
        who = f"  {each.annotator}" if each.annotator else ""
        print(f"{each.case:<24} {each.status:<10}{who}{f'  version {each.version}' if each.version else ''}")
    print(f"{len(items)} cases")
    _print_all(each.trouble for each in items)
    return 0


def run_status(arguments: argparse.Namespace) -> int:
    """Counts by status, and what comes next."""
    work = _list(arguments)
    counts, following = work.progress(), work.next_unreviewed()
    if arguments.json:
        warnings = [each.text for each in work.damages()]
        print(json.dumps({**counts, "next": following.case if following else None, "warnings": warnings}))
        return 0
    shown = (*_STATES, "unreadable") if counts["unreadable"] else _STATES
    print(f"{counts['done']} of {counts['all']} done")
    print(", ".join(f"{counts[name]} {name}" for name in shown))
    nothing = "Nothing else can be reviewed." if counts["done"] < counts["all"] else "Nothing is left to review."
    print(f"Next: {following.case} ({following.status})" if following else nothing)
    _print_all(each.trouble for each in work.items())
    return 0


def run_adopt(arguments: argparse.Namespace) -> int:
    """Tell what lies beside a case, or make it the newest version."""
    from ..review.beside import adopt, list_beside

    case = is_there(arguments.case)
    if arguments.name:
        saved = adopt(case, arguments.name, arguments.by)
        print(f"{arguments.name} is now version {saved.record.version} of {case.name}.")
        _print_all(saved.warnings)
        return 0
    found = list_beside(case)
    _print_all(each.sentence for each in found)
    print(f"{len(found)} beside the versions of {case.name}")
    return 0


def run_agreement(arguments: argparse.Namespace) -> int:
    """Dice and detection of two readers."""
    from ..review.agreement import compare_readers
    from ..review.second import CASES
    from ..review.worklist import WorkList

    if (arguments.list / CASES).is_file():
        first = WorkList(arguments.list).saved
        second = WorkList(arguments.list, arguments.second).saved
    else:
        first, second = is_there(arguments.list), is_there(Path(arguments.second).expanduser())
    _print_agreement(compare_readers(first, second), arguments, ("first reader", "second reader"))
    return 0


def run_compare(arguments: argparse.Namespace) -> int:
    """Dice and detection of the prediction against what was saved."""
    from ..review.agreement import compare_with_prediction

    _print_agreement(
        compare_with_prediction(is_there(arguments.folder)), arguments, ("corrected labels", "the prediction")
    )
    return 0


def run_simulate(arguments: argparse.Namespace) -> int:
    """Predict, correct, save."""
    from ..case import read_manifest
    from ..inference import Predictor
    from ..review import damaged_cases
    from ..review.simulate import simulate_corrections
    from ..weights import find_weights

    rows = [row for row in read_manifest(arguments.manifest) if arguments.centre in ("", row.centre)]
    if not rows or arguments.cases < 1:
        raise InputError(f"{arguments.manifest.name} has no cases for that.", "Check --centre and --cases.")
    bar = ProgressBar()
    try:
        done = simulate_corrections(
            rows[: arguments.cases],
            Predictor(find_weights(arguments.weights), arguments.device),
            arguments.out,
            settings=settings_of(arguments),
            at_most=arguments.corrections,
            copy=arguments.copy,
            progress=bar,
        )
    finally:
        bar.close()
    kinds = ("reject", "reshape", "add", "infarct")
    print(f"{len(done)} cases saved in {arguments.out}.")
    counts = {kind: sum(each.kind == kind for one in done for each in one.corrections) for kind in kinds}
    print(", ".join(f"{count} x {kind}" for kind, count in counts.items()))
    _print_all(each.text for each in damaged_cases(arguments.out).values())
    return 0


def _list(arguments: argparse.Namespace) -> WorkList:
    from ..review.worklist import WorkList

    return WorkList(is_there(arguments.list), arguments.second)


def _print_agreement(found: Agreement, arguments: argparse.Namespace, names: tuple[str, str]) -> None:
    if arguments.json:
        print(json.dumps(found.as_dict(), indent=1))
        return
    from ..evaluation.page import cell

    print(f"{found.cases} cases in common")
    if found.dice["value"] is not None:
        print(f"Dice {cell(found.dice)}; in brackets the 95 % interval, which one case alone has not")
    print(
        f"Lesions: {found.lesions_first} by {names[0]}, {found.lesions_second} by {names[1]}, "
        f"{found.lesions_both} by both"
        + (f"; detection agreement {found.detection:.2f}" if found.detection is not None else "")
    )
    print(f"Same answer on whether there is a thrombus: {found.presence:.0%} of cases")
    _print_all(found.warnings)


def _print_all(sentences: Iterable[str]) -> None:
    """What is wrong with some cases, a line each."""
    for each in sentences:
        if each:
            print(each)
