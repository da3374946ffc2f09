"""`thrombusseg weights`: the local registry."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .options import folder, is_there

if TYPE_CHECKING:
    from ..weights import WeightsEntry


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser("weights", help="list, verify, add, describe or remove trained networks")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    actions.add_parser("list", help="what there is").set_defaults(func=_list)
    actions.add_parser("verify", help="compare every file with its SHA-256").set_defaults(func=_verify)
    adding = actions.add_parser("add", help="copy a .safetensors file into your registry")
    adding.add_argument("file", type=folder, metavar="FILE")
    adding.add_argument(
        "--bundled", metavar="NAME", help="for maintainers: put it into the library itself, as the default"
    )
    adding.set_defaults(func=_add)
    describing = actions.add_parser(
        "describe", help="write a copy that says another threshold, smallest volume or card, chosen on validation cases"
    )
    describing.add_argument("file", metavar="W", help="name or .safetensors file")
    describing.add_argument("--out", type=folder, metavar="NEW.safetensors", required=True)
    describing.add_argument("--threshold", type=float, metavar="P", help="probability from which a voxel is thrombus")
    describing.add_argument("--minimum-volume", type=float, metavar="MM3", help="drop smaller candidates, mm3")
    describing.add_argument("--card", metavar="TEXT", help="one paragraph: trained on what, how well, not for what")
    describing.set_defaults(func=_describe)
    removing = actions.add_parser("remove", help="remove weights that you added")
    removing.add_argument("name", metavar="NAME")
    removing.set_defaults(func=_remove)


def _list(_arguments: argparse.Namespace) -> int:
    from ..weights import list_weights
    from ..weights.registry import default_name

    entries, default = list_weights(), default_name()
    for entry in entries:
        origin = "comes with ThrombusSeg" if entry.bundled else "added"
        origin += ", the default" if entry.name == default else ""
        told = f"{entry.bytes / 2**20:.1f} MiB, {origin}, trained on {_printable(entry.trained_on)}"
        print(f"{entry.name}  ({told})")
        print(f"  SHA-256 {entry.sha256}")
        print(_operating_point(entry))
        print(textwrap.fill(_printable(entry.card), 100, initial_indent="  ", subsequent_indent="  "))
    if not entries:
        print("No weights yet. Add some with `thrombusseg weights add FILE`.")
    return 0


def _printable(text: str) -> str:
    """Text of a file that may be anybody's, without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _operating_point(entry: WeightsEntry) -> str:
    return f"  threshold {entry.threshold:g}, minimum volume {entry.minimum_volume_mm3:g} mm3"


def _verify(_arguments: argparse.Namespace) -> int:
    from ..weights import list_weights, verify

    faults = []
    for entry in list_weights():
        try:
            verify(entry)
            print(f"{entry.name}: as registered")
        except InputError as error:
            print(f"{entry.name}: {error}")
            faults.append(entry.name)
    if faults:
        raise InputError(f"Not as registered: {', '.join(faults)}.", "Each line above says what to do.")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    from ..weights import add_weights, register_bundled

    file = is_there(arguments.file)
    entry = register_bundled(file, arguments.bundled) if arguments.bundled else add_weights(file)
    print(f"Added {entry.name}, SHA-256 {entry.sha256}.")
    return 0


def _describe(arguments: argparse.Namespace) -> int:
    from ..weights import find_weights
    from ..weights.storage import describe_anew

    checksum = describe_anew(
        find_weights(arguments.file).path,
        arguments.out,
        threshold=arguments.threshold,
        minimum_volume_mm3=arguments.minimum_volume,
        card=arguments.card,
    )
    made = find_weights(arguments.out)
    print(f"Wrote {arguments.out.name}, SHA-256 {checksum}.\n{_operating_point(made)}")
    if arguments.card is None:
        print("Its card is still that of the file it was made of: say with --card what was chosen, and on which cases.")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from ..weights import remove_weights

    remove_weights(arguments.name)
    print(f"Removed {arguments.name}.")
    return 0
