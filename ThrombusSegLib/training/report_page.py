"""report.html of a training run: curves, the worst validation cases as pictures, speed, settings, how to repeat it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import torch

from ..report.style import CSS
from ..version import __version__
from .charts import CSS as CHART_CSS
from .charts import Curve, chart, smooth, thin
from .checkpoint import describe, write_whole
from .clock import readable
from .distributed import World, describe_device
from .journal import LOG, VALIDATIONS, read_lines
from .loop import Trained, uses_bfloat16
from .settings import TrainSettings
from .speed import Speed, measure_speed
from .validate import PENALTY, Validator
from .worst import CSS as WORST_CSS
from .worst import worst_looks

REPORT = "report.html"


def write_report(
    out: Path,
    settings: TrainSettings,
    trained: Trained,
    validator: Validator | None,
    world: World,
    remarks: Sequence[str] = (),
) -> Path:
    """Write report.html into the folder of a finished run: one file, nothing is fetched, no script, no folder names.

    Args:
        out: folder with the run's log.
        settings: of the run.
        trained: what it left.
        validator: draws its worst looks again; None: there was no validation.
        world: on what it ran.
        remarks: what is easily not meant, a sentence each.

    Raises:
        MachineError: it cannot be written.
    """
    lines, verdicts = read_lines(out / LOG), read_lines(out / VALIDATIONS)
    half = uses_bfloat16(settings, world.device)
    speed = measure_speed(
        lines, trained.network.to(world.device), settings, world.device, half=half, processes=world.size
    )
    trained.network.cpu()
    pictures = worst_looks(validator, trained.network, trained.verdict) if validator and trained.verdict else ""
    seconds = sum(line["seconds"] for line in lines)
    body = "".join(
        [
            f"<header><h1>A training run of {trained.steps} steps</h1>",
            f'<div class="soft">ThrombusSeg {escape(__version__)} · {escape(readable(seconds))} of training on ',
            f"{escape(_machine(world, half=half))}</div></header>",
            '<p class="notice"><strong>Research software, not a medical device. Figures are of the validation cases '
            "of this run, and bound nothing else.</strong></p>",
            f'<p class="answer">{escape(_answer(settings, trained))}</p>',
            "".join(f'<p class="soft">{escape(each[:1].upper() + each[1:])}.</p>' for each in remarks),
            _curves(lines, verdicts, settings, trained),
            pictures,
            "<h2>Speed</h2>",
            _speed(speed),
            "<h2>To repeat it</h2>",
            "<p>Save the settings below (they are TOML with JSON's values) beside the data they name, and run</p>",
            f"<p><code>{escape(_command(world))}</code></p>",
            "<h2>Settings</h2>",
            _settings(settings),
        ]
    )
    page = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>Training run</title>'
        f"<style>{CSS}{CHART_CSS}{WORST_CSS}</style></head><body><main>{body}</main></body></html>\n"
    )
    write_whole(out / REPORT, page.encode("utf-8"))
    return out / REPORT


def _answer(settings: TrainSettings, trained: Trained) -> str:
    verdict = trained.verdict
    if verdict is None:
        return "There was no validation; the average of the last weights was kept."
    if verdict["detection_rate"] is None:
        return (
            f"The weights after step {verdict['step']} were kept: no validation case has a thrombus, and they mark "
            f"{verdict['false_positives_per_scan']:.1f} false positives a scan at probability {settings.threshold:g}."
        )
    return (
        f"The weights after step {verdict['step']} were kept: they detect {verdict['detection_rate']:.0%} with "
        f"{verdict['false_positives_per_scan']:.1f} false positives a scan and a mean Dice of "
        f"{verdict['dice_all_cases']:.2f} (a miss counts 0) at probability {settings.threshold:g}."
    )


def _curves(
    lines: list[dict[str, Any]], verdicts: list[dict[str, Any]], settings: TrainSettings, trained: Trained
) -> str:
    """Loss, learning rate, and what validation said; the kept weights are marked."""
    steps, mark = max(1, trained.steps), None if trained.verdict is None else int(trained.verdict["step"])
    loss = [(line["step"], line["loss"]) for line in lines]
    charts = []
    if loss:
        smoothed = Curve("loss", thin(smooth(loss)))
        charts.append(chart("Loss (pale: of each step)", [Curve("", thin(loss), pale=True), smoothed], steps, mark))
        rate = [(line["step"], line["learning_rate"]) for line in lines]
        charts.append(chart("Learning rate", [Curve("", thin(rate), 1)], steps, mark))
    if verdicts:
        named = (("detected", "detection_rate"), ("Dice", "dice_all_cases"), ("score", "score"))
        curves = [
            Curve(name, [(each["step"], each[key]) for each in verdicts if each[key] is not None], colour, dots=True)
            for colour, (name, key) in enumerate(named)
        ]
        charts.append(chart("Validation, share", curves, steps, mark))
        wrong = [(each["step"], each["false_positives_per_scan"]) for each in verdicts]
        charts.append(chart("False positives a scan", [Curve("", wrong, 1, dots=True)], steps, mark))
    note = (
        '<p class="soft">Each validation case is looked at with all its sequences and with some left out. Score: '
        f"share detected less {PENALTY:g} for each false positive a scan; the weights with the highest are kept "
        "(dashed line).</p>"
    )
    return f'<h2>Curves</h2><div class="charts">{"".join(charts)}</div>' + (note + _sweep(trained) if verdicts else "")


def _sweep(trained: Trained) -> str:
    """The kept weights at several thresholds."""
    sweep: Mapping[str, Mapping[str, Any]] = (trained.verdict or {}).get("sweep", {})
    rows = "".join(
        f'<tr><td>{escape(threshold)}</td><td class="number">{_shown(figures["detection_rate"], ".0%")}</td>'
        f'<td class="number">{figures["false_positives_per_scan"]:.2f}</td>'
        f'<td class="number">{_shown(figures["dice_all_cases"], ".2f")}</td></tr>'
        for threshold, figures in sweep.items()
    )
    heads = (
        '<tr><th>Threshold</th><th class="number">Detected</th><th class="number">False positives a scan</th>'
        '<th class="number">Dice</th></tr>'
    )
    return f"<table><thead>{heads}</thead><tbody>{rows}</tbody></table>"


def _shown(value: float | None, how: str) -> str:
    """A figure; "none" where there is nothing that it could be measured on."""
    return "none" if value is None else format(value, how)


def _speed(speed: Speed | None) -> str:
    if speed is None:
        return "<p>No step was logged.</p>"
    rows = [
        ("Steps a second", f"{speed.steps_per_second:.3g} (median step {speed.seconds_per_step:.3g} s)"),
        ("Slices a second", f"{speed.slices_per_second:.3g} slices of crops"),
        ("Waiting for crops", f"{speed.share_waiting:.1%} of the time"),
        ("Work", f"{speed.gflop_per_step:.3g} GFLOP a step (convolutions and products, forward times three)"),
        ("Peak", f"{speed.peak_gflops:.4g} GFLOP a second (product of two 2048 x 2048 matrices, after the run)"),
        ("Model FLOP utilisation", f"{speed.utilisation:.1%}"),
    ]
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows) + "</dl>"


def _machine(world: World, *, half: bool) -> str:
    processes = "" if world.size == 1 else f"{world.size} processes, "
    precision = "bfloat16" if half else "float32"
    return f"{processes}{describe_device(world.device)}, {precision}, torch {torch.__version__}"


def _command(world: World) -> str:
    if world.size == 1:
        return "thrombusseg train SETTINGS.toml --out DIR"
    return f"torchrun --nproc-per-node {world.local_size} -m ThrombusSegLib train SETTINGS.toml --out DIR"


def _settings(settings: TrainSettings) -> str:
    """All settings as the TOML file that repeats the run."""
    values = json.loads(describe(settings))
    values |= {name: getattr(settings, name) for name in ("threshold", "minimum_volume_mm3", "workers", "device")}
    return f'<pre class="settings"><code>{escape(as_toml(values))}</code></pre>'


def as_toml(values: Mapping[str, Any], prefix: str = "") -> str:
    """Plain values and tables of them as TOML; strings, numbers and lists are spelled as in JSON."""
    plain = [f"{name} = {json.dumps(each)}" for name, each in values.items() if not isinstance(each, Mapping)]
    text = "\n".join(plain) + "\n" if plain else ""
    for name, table in values.items():
        if isinstance(table, Mapping) and table:
            inner = {key if key.replace("_", "").isalnum() else json.dumps(key): each for key, each in table.items()}
            text += f"\n[{prefix}{name}]\n{as_toml(inner, f'{prefix}{name}.')}"
    return text
