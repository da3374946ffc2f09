"""Pictures of the validation looks in which the kept weights do worst."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import torch

from ..report.colours import window_of
from ..report.figures import Frame, Outline, grey_slice, picture
from ..sequences import Sequence
from .baselines import Network
from .validate import Look, Validator, Volume, predict, ready_to_infer

#: How many looks are shown.
SHOWN = 4
CSS = """
.worst{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:18px}
.worst figcaption{font-size:13px;line-height:1.4;margin-top:6px}
.truth{stroke:#58c7f3;stroke-width:calc(.7*var(--u))}
.legend .truth-line{border-color:#35b1e4}
pre.settings{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 18px;overflow-x:auto;
columns:2;column-gap:40px}
@media (max-width:820px){.worst{grid-template-columns:1fr 1fr}pre.settings{columns:1}}
"""


def worst_looks(validator: Validator, network: Network, verdict: Mapping[str, Any]) -> str:
    """HTML: the worst looks of a verdict, misses first, then by Dice; drawn with the network that was kept."""
    order = sorted(range(len(validator.looks)), key=lambda number: _badness(verdict["looks"][number]), reverse=True)
    device = validator.world.device
    ready = ready_to_infer(network, device)
    figures = []
    for number in order[:SHOWN]:
        look = validator.looks[number]
        probability = predict(ready, look, device)
        caption = _caption(look, verdict["looks"][number], float(probability.max()))
        figures.append(f"<figure>{_picture(look, probability, validator.settings.threshold)}{caption}</figure>")
    torch.cuda.empty_cache()
    legend = (
        '<div class="legend"><span><i class="truth-line"></i>true thrombus</span>'
        f'<span><i class="t"></i>found, probability {validator.settings.threshold:g}</span></div>'
    )
    return f'<h2>Worst validation cases</h2>{legend}<div class="worst">{"".join(figures)}</div>'


def _badness(found: Mapping[str, Any]) -> tuple[bool, float, int]:
    missed = bool(found["true_lesions"]) and not found["detected"]
    dice = 1.0 if found["dice"] is None else found["dice"]
    return missed, -dice, found["false_positives"]


def _picture(look: Look, probability: Volume, threshold: float) -> str:
    """The slice with most of the thrombus (without one: with the highest probability), whole, on SWI where shown."""
    place = look.places[0]  # the vocabulary begins with SWI
    volume = np.asarray(look.case.images[place], dtype=np.float32)
    truth = (np.asarray(look.case.labels) == 1).astype(np.float32)
    counts = truth.sum(axis=(1, 2))
    best = int(counts.argmax()) if counts.any() else int(probability.max(axis=(1, 2)).argmax())
    outlines = (Outline(truth[best], 0.5, "truth"), Outline(probability[best], threshold, "thrombus"))
    height, width = truth.shape[1:]
    return picture(
        grey_slice(volume, best, window_of(volume)),
        Frame((look.spacing[1], look.spacing[0]), "", ""),
        rows=slice(0, height),
        columns=slice(0, width),
        outlines=outlines,
        label=f"{look.name}, slice {best + 1}",
        scale_mm=50,
    )


def _caption(look: Look, found: Mapping[str, Any], highest: float) -> str:
    shown = list(Sequence)[look.places[0]].value
    if not found["true_lesions"]:
        what = "no thrombus"
    else:
        what = f"detected, Dice {found['dice']:.2f}" if found["detected"] else "missed"
    text = (
        f"{what}, {found['false_positives']} false; seen with {look.sequences}; shown on {shown}; highest {highest:.2f}"
    )
    return f"<figcaption><strong>{escape(look.name)}</strong><br>{escape(text)}</figcaption>"
