"""Settings from a TOML file. What is wrong is said with the line it stands in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..case.there import short_name, why_missing
from ..errors import InputError
from .checks import shown
from .settings import TrainSettings

Table = TypeVar("Table")

#: Where settings stood in files of the first version.
MOVED = {"manifest": "data", "thrombus_weight": "loss", "infarct_share": "loss"}
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_QUIET = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*')
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def read_settings(path: Path) -> TrainSettings:
    """Settings of a training from a TOML file. Paths in it are relative to the file.

    Raises:
        InputError: see `read_table`.
    """
    return read_table(path, TrainSettings, MOVED)


def read_table(path: Path, kind: type[Table], moved: Mapping[str, str] = MappingProxyType({})) -> Table:
    """A settings dataclass from a TOML file.

    Args:
        path: the file.
        kind: the dataclass; its fields are settings, dataclasses for tables, tuples and mappings of either.
        moved: settings that once stood at the top, and the table they belong to now.

    Raises:
        InputError: no file, no TOML, an unknown setting, a value of the wrong kind or out of its range, or settings
            that contradict each other; the sentence names the file, the line and the setting.
    """
    text = read_text(path)
    values, lines = tomllib.loads(text), find_lines(text)
    try:
        _move(values, lines, moved)
        settings: Table = _build(kind, values, "")
    except InputError as error:
        where = _line_of(error.sentence, lines)
        raise InputError(f"{path.name}{f', line {where}' if where else ''}: {error.sentence}", error.advice) from error
    return settings


def _move(values: dict[str, Any], lines: dict[str, int], moved: Mapping[str, str]) -> None:
    """Put settings that once stood at the top into their table, and their lines with them."""
    for name in sorted(moved.keys() & values.keys()):
        table = _typed(values.setdefault(moved[name], {}), dict, moved[name], "a table")
        if name in table:
            raise InputError(f"{name} stands at the top and in [{moved[name]}].", f"Keep {moved[name]}.{name} only.")
        table[name] = values.pop(name)
        if name in lines:  # not where the key is inside another construct
            lines[f"{moved[name]}.{name}"] = lines[name]


def names_in(path: Path) -> frozenset[str]:
    """The settings and tables that stand at the top of a settings file; raises what `read_settings` raises."""
    return frozenset(tomllib.loads(read_text(path)))


def build_settings(values: dict[str, Any]) -> TrainSettings:
    """Settings of a training from the tables of a TOML file, read and perhaps changed.

    Raises:
        InputError: an unknown setting, or a value of the wrong kind or out of its range.
    """
    settings: TrainSettings = _build(TrainSettings, values, "")
    return settings


def read_text(path: Path) -> str:
    """The text of a settings file that is valid TOML; `InputError` where it is not."""
    if wrong := why_missing(path):
        there = wrong == "does not exist"
        sentence = f"There is no settings file {short_name(path)}." if there else f"{short_name(path)} {wrong}."
        raise InputError(sentence, "Check its path.")
    if not path.is_file():
        raise InputError(f"{path.name or 'What was given'} is a folder, and no settings file.", "Give the TOML file.")
    try:
        text = path.read_text(encoding="utf-8")
        tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOML's own errors, other bytes, numbers of thousands of digits
        raise InputError(f"{path.name} is not valid TOML: {shown(error, 200)}.", "Mend that line.") from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read.", "Check that you may read it.") from error
    return text


def find_lines(text: str) -> dict[str, int]:
    """The line, counted from 1, of every key (with its table: "dropout.probability") and table of a valid TOML text.

    Only what begins a line counts: a key inside an inline table is found by the table's own key.
    """
    lines: dict[str, int] = {}
    table, open_brackets, open_quote = "", 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if open_quote:  # a string over several lines: its content is no key
            open_quote = "" if open_quote in line else open_quote
            continue
        header, key = _TABLE.match(line), _KEY.match(line)
        if not open_brackets and header:
            table = _plain(header.group(1)) + "."
            lines.setdefault(table[:-1], number)
        elif not open_brackets and key:
            lines[table + _plain(key.group(1))] = number
        quotes = [mark for mark in ('"""', "'''") if line.count(mark) % 2]
        open_quote = quotes[0] if quotes else ""
        bare = _QUIET.sub("", line)
        open_brackets += bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")
    return lines


def _plain(key: str) -> str:
    """A dotted key without spaces and quotes."""
    return ".".join(part.strip("\"'") for part in _PART.findall(key))


def _line_of(sentence: str, lines: Mapping[str, int]) -> int | None:
    """The line of the first setting the sentence names and the file holds; else that of its table."""
    words = [word.strip("'(),:;.") for word in sentence.split()]
    for word in words:
        if word in lines:
            return lines[word]
    for word in words:
        parent = word.rpartition(".")[0]
        while parent:
            if parent in lines:
                return lines[parent]
            parent = parent.rpartition(".")[0]
    return None


def _build(kind: type[Any], values: dict[str, Any], prefix: str) -> Any:
    """A dataclass from the values of its table; `prefix` is the table's name with a point."""
    hints = get_type_hints(kind)
    known = [entry.name for entry in fields(kind)]
    for name in values:
        if name not in known:
            raise InputError(f"There is no setting '{prefix}{name}'.", f"Known: {', '.join(known)}.")
    needed = [each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
    if lacking := [name for name in needed if name not in values]:
        raise InputError(f"{prefix}{lacking[0]} is missing.", "Add it.")
    built = {name: _convert(value, hints[name], prefix + name) for name, value in values.items()}
    try:
        return kind(**built)
    except InputError as error:
        raise _named(error, prefix, values) from error


def _named(error: InputError, prefix: str, values: Mapping[str, Any]) -> InputError:
    """The same error with the setting's full name in front, where its own sentence has none (the network's)."""
    if not prefix or prefix in error.sentence:
        return error
    named = [name for name in values if name.replace("_", " ") in error.sentence or name in error.sentence]
    return InputError(f"{prefix + named[0] if named else prefix.rstrip('.')}: {error.sentence}", error.advice)


def _convert(value: Any, hint: Any, name: str) -> Any:
    """A value of TOML as the type of a field."""
    if hint is object:  # checked by who uses it
        return value
    if is_dataclass(hint):
        return _build(hint, _typed(value, dict, name, "a table"), name + ".")  # type: ignore[arg-type]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is tuple:
        return tuple(_convert(item, inner[0], name) for item in _typed(value, list, name, "a list"))
    if origin is Mapping:
        table = _typed(value, dict, name, "a table")
        return {str(key): _convert(item, inner[1], f"{name}.{key}") for key, item in table.items()}
    if origin is Literal:
        return _typed(value, str, name, "a word in quotes")
    if hint is float:
        number = _typed(value, (int, float), name, "a number")
        try:
            return float(number)
        except OverflowError as error:
            raise InputError(f"'{name}' is {shown(number)}.", "Write one with fewer digits.") from error
    words = {int: "a whole number", bool: "true or false", str: "a word in quotes"}
    return _typed(value, hint, name, words[hint])


def _typed(value: Any, kind: type[Any] | tuple[type[Any], ...], name: str, words: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"'{name}' is {shown(repr(value))}.", f"It must be {words}.")
    return value
