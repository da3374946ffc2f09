"""`thrombusseg train`: from settings to weights; also under torchrun."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, MachineError
from .bar import Minutes, ProgressBar
from .options import folder, is_there

if TYPE_CHECKING:
    from ..case import ManifestRow
    from ..training import TrainSettings


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "train",
        help="train on cases of a manifest, on simulated ones, or on both",
        description="Train with gradual modality dropout. Can be stopped at any moment and goes on with --resume. "
        "Several processes: torchrun --nproc-per-node N -m ThrombusSegLib train SETTINGS.toml --out DIR.",
    )
    parser.add_argument(
        "settings",
        type=folder,
        nargs="?",
        metavar="SETTINGS.toml",
        help="settings of the run; needed without --from-weights",
    )
    parser.add_argument(
        "--out", type=folder, metavar="DIR", required=True, help="folder for checkpoint, log, weights and report"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in DIR")
    _add_fine_tuning(parser)
    parser.set_defaults(func=run)


def _add_fine_tuning(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("learning from corrections")
    group.add_argument("--from-weights", metavar="NAME", help="go on from these weights, with the cases of --corrected")
    group.add_argument("--corrected", type=folder, metavar="DIR", help="folder of corrected cases, or a manifest")
    group.add_argument(
        "--phantom-centre", metavar="NAME", help="simulated cases mixed in ('' for none; default: SETTINGS', else A)"
    )
    group.add_argument(
        "--phantom-share", type=float, metavar="S", help="share of simulated crops, 0..1 (default: SETTINGS', else 0.5)"
    )
    group.add_argument("--steps", type=int, metavar="N", help="optimizer steps of the fine-tuning")
    group.add_argument("--held-out", type=folder, metavar="DIR", help="corrected cases to show before and after on")
    parser.add_argument("--register", metavar="NAME", help="put the new weights into the registry under this name")


def run(arguments: argparse.Namespace) -> int:
    """Train, and print where the weights are."""
    from ..training import read_settings

    if arguments.settings is None and not (arguments.from_weights and arguments.corrected):
        raise InputError("There are no settings.", "Give SETTINGS.toml, or --from-weights and --corrected.")
    settings = read_settings(is_there(arguments.settings)) if arguments.settings else None
    try:
        from ..training.distributed import is_first
        from ..training.run import run_training
    except ImportError as error:
        raise MachineError(
            f"Training needs {error.name}.", "Install it: pip install 'ThrombusSegLib[train]'."
        ) from error
    _check_options(arguments)
    if arguments.from_weights:
        settings = _fine_tuned(arguments, settings)
    assert settings is not None
    near = arguments.settings.parent if arguments.settings else Path.cwd()
    bar = ProgressBar() if sys.stderr.isatty() else Minutes()
    try:
        weights = run_training(settings, near, arguments.out, resume=arguments.resume, progress=bar)
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        raise MachineError(
            "The memory is not enough for a step.",
            "Set a smaller batch, crop.pixels or crop.slices, and start in another folder.",
        ) from error
    finally:
        bar.close()
    if is_first():
        print(f"Weights: {weights}\nReport: {weights.with_name('report.html')}")
        _after(arguments, weights)
    return 0


def _check_options(arguments: argparse.Namespace) -> None:
    """What is used only after the training, or not at all, is told before it."""
    if not arguments.from_weights:
        for name in ("corrected", "phantom_centre", "phantom_share", "steps", "held_out"):
            if getattr(arguments, name) is not None:
                raise InputError(
                    f"--{name.replace('_', '-')} is for learning from corrections, and there is no --from-weights.",
                    "Add --from-weights, or leave it out: SETTINGS.toml says what is trained on.",
                )
    if arguments.register is not None and not (arguments.out / "weights.safetensors").exists():
        from ..weights.registry import check_name

        check_name(arguments.register)
    if arguments.held_out is not None:
        _held_out(arguments)


def _held_out(arguments: argparse.Namespace) -> list[ManifestRow]:
    """The cases that are shown before and after; their files are there."""
    from ..case import read_manifest
    from ..training.gather import check_files

    rows = read_manifest(is_there(arguments.held_out))
    if not rows:
        raise InputError("There are no held-out cases.", "Give a manifest or a folder of corrected cases.")
    check_files(rows)
    return rows


def _fine_tuned(arguments: argparse.Namespace, base: TrainSettings | None) -> TrainSettings:
    """The settings of a fine-tuning; corrected cases come from --corrected, or from the settings' own manifest."""
    from ..review.learn import settings_from
    from ..training.read import names_in

    corrected = arguments.corrected
    if corrected is None and base is not None:
        if not base.data.manifest:
            raise InputError("--from-weights has no cases to learn from.", "Add --corrected, or set data.manifest.")
        corrected = arguments.settings.parent / base.data.manifest
    return settings_from(
        arguments.from_weights,
        is_there(corrected),
        base=base,
        named=names_in(arguments.settings) if arguments.settings else (),
        phantom_centre=arguments.phantom_centre,
        phantom_share=arguments.phantom_share,
        steps=arguments.steps,
    )


def _after(arguments: argparse.Namespace, weights: Path) -> None:
    """Register the new weights, and show what they do on held-out cases, where that was asked for."""
    from ..review.learn import before_and_after, register

    if arguments.register:
        print(f"Registered as {register(weights, arguments.register).name}.")
    if arguments.held_out is None:
        return
    from ..evaluation.page import cell
    from ..inference import Predictor
    from ..training.checkpoint import write_whole
    from ..weights import find_weights

    old, new = (Predictor(find_weights(each), "auto") for each in (arguments.from_weights, weights))
    found = before_and_after(_held_out(arguments), old, new)
    write_whole(weights.with_name("before_after.json"), json.dumps(found, indent=1).encode("utf-8"))
    print(f"On {found.pop('cases')} held-out cases (95 % interval):")
    for name, figures in found.items():
        texts = [cell(figures[part], undefined="none") for part in ("before", "after", "difference")]
        print(f"{name}: before {texts[0]}, after {texts[1]}, difference {texts[2]}")


def _is_memory(error: Exception) -> bool:
    """Whether memory ran out, of the machine or of the graphics card."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
