"""What each swept key does: its share of the differences, and every setting on parallel axes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import CategoricalDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from vaelab.drawing import ACCENT, CONTRAST, FAINT, INK, MARGIN, SOFT, Page, number, outline
from vaelab.figures.curves import vertical_range
from vaelab.sweep.pictures.values import Labels, place, shade, shortened
from vaelab.sweep.results import Result
from vaelab.sweep.space import Dimension, Range, Space, Value, as_number
from vaelab.sweep.study import Study

MIN_TRIALS = 4
"""Complete trials without which the shares would say nothing."""
LEFT, WIDTH, BAR, FOOT = 170, 420, 34, 48
SIDES, GAP, HEIGHT, HEAD = 90, 170, 320, 26
TICKS = 5
CHARACTER = 6.2
"""Mean width of a small one, pixels."""


def importance(study: Study) -> dict[str, float]:
    """Each key's share of the variance; empty with one key, few trials or no variance.

    Main effects of a functional analysis of variance of a random forest, made to add up to 1.
    "An efficient approach for assessing hyperparameter importance" (Hutter et al., 2014).
    """
    complete = study.optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    varied = len({trial.value for trial in complete}) > 1
    if len(study.space.dimensions) < 2 or len(complete) < MIN_TRIALS or not varied:
        return {}
    return get_param_importances(study.optuna, evaluator=FanovaImportanceEvaluator(seed=0))


def draw_importance(shares: Mapping[str, float], space: Space, trials: int, title: str) -> Figure:
    """A bar for each swept key, the longest first."""
    page = Page(
        LEFT + WIDTH + 60 + MARGIN, BAR * len(shares) + FOOT,
        "How much of the differences in the validation ELBO each swept key explains",
        f"{title} · fANOVA on a random forest over {trials} complete trials; interactions left out",
    )  # fmt: skip
    axes = page.axes(LEFT, 0, WIDTH, BAR * len(shares))
    names = sorted(shares, key=shares.__getitem__)
    bars = axes.barh(
        [*map(space.short, names)], [shares[name] for name in names], 0.62, color=ACCENT
    )
    axes.bar_label(bars, fmt="{:.2f}", padding=5, size=9, color=SOFT)
    axes.tick_params("y", labelsize=9.5)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("share of the explained variance", size=9, color=INK)
    return page.figure


def draw_parallel(found: Sequence[Result], space: Space, title: str) -> Figure:
    """The darker a line, the higher its ELBO; the best is orange. An axis for each swept key.

    "Parallel coordinates: a tool for visualizing multi-dimensional geometry" (Inselberg and
    Dimsdale, 1990).
    """
    labels, count = Labels(space), len(space.dimensions)
    ticks = [
        [(_height(one, value), labels.of(key, value)) for value in _ticks(one)]
        for key, one in space.dimensions.items()
    ]
    left = max(SIDES, 16 + round(CHARACTER * max(len(text) for _, text in ticks[0])))
    width = max(left + count * GAP + SIDES, 560)
    mean = f", mean over {space.repeats} seeds" if space.repeats > 1 else ""
    page = Page(
        width, HEAD + HEIGHT + MARGIN + 8,
        "Every setting on its way to the validation ELBO at beta 1",
        shortened(
            f"{title} · nats per image{mean}; orange: {labels.setting(found[0].setting)}",
            int(1.8 * (width - 2 * MARGIN) / CHARACTER),  # two lines
        ),
    )  # fmt: skip
    axes = page.axes(left, HEAD, width - left - SIDES, HEIGHT)
    axes.set_axis_off()
    axes.set_xlim(0, count)
    axes.set_ylim(0, 1)
    elbos = np.array([result.elbo.value for result in found if result.elbo is not None])
    low, high = vertical_range(elbos)
    heights = (elbos - low) / (high - low)
    darkness = np.clip((elbos - max(low, elbos.min())) / max(np.ptp(elbos), 1e-12), 0, 1)
    for index in reversed(range(len(found))):
        color = CONTRAST if index == 0 else shade(float(darkness[index]))
        setting = found[index].setting
        y = [_height(one, setting[key]) for key, one in space.dimensions.items()]
        axes.plot(
            range(count + 1), [*y, heights[index]], color=color, lw=2.6 if index == 0 else 1.3,
            marker="o", ms=4, alpha=1.0 if index == 0 else 0.8, zorder=3 + (index == 0),
        )  # fmt: skip
    for position, key in enumerate(space.dimensions):
        _axis(axes, position, space.short(key), ticks[position])
    values = [v for v in MaxNLocator(2 * TICKS).tick_values(low, high) if low <= v <= high]
    _axis(axes, count, "elbo", [((v - low) / (high - low), number(v)) for v in values], "right")
    return page.figure


def _axis(
    axes: Axes, x: int, name: str, ticks: Sequence[tuple[float, str]], side: str = "left"
) -> None:
    axes.plot([x, x], [0, 1], color=FAINT, lw=1.2, zorder=1, clip_on=False)
    axes.annotate(
        name, (x, 1), xytext=(0, 10), textcoords="offset points", ha="center", size=9.5, color=INK,
        weight="bold", parse_math=False,
    )  # fmt: skip
    for height, text in ticks:
        axes.annotate(
            text, (x, height), xytext=(-7 if side == "left" else 7, 0), textcoords="offset points",
            ha="right" if side == "left" else "left", va="center", size=8.5, color=SOFT, zorder=6,
            annotation_clip=False, parse_math=False, path_effects=outline(3),
        )  # fmt: skip


def _height(dimension: Dimension, value: Value) -> float:
    if isinstance(dimension, Range):
        return place(dimension, value)
    return (dimension.choices.index(value) + 0.5) / len(dimension.choices)


def _ticks(dimension: Dimension) -> list[Value]:
    if isinstance(dimension, CategoricalDistribution):
        return list(dimension.choices)
    low, high = dimension.low, dimension.high
    ticks = np.geomspace(low, high, TICKS) if dimension.log else np.linspace(low, high, TICKS)
    return list(dict.fromkeys(as_number(dimension, t) for t in ticks))
