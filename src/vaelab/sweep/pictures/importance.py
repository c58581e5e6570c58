"""How much of the ELBO's variation each swept key explains."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from vaelab.figures.style import ACCENT, INK, MARGIN, SOFT, Page
from vaelab.sweep.results import Result
from vaelab.sweep.space import Space
from vaelab.sweep.study import Study

LEFT, WIDTH, BAR, FOOT = 170, 420, 34, 48
FEWEST = 4
"""Complete trials without which the shares would say nothing."""


def importance(study: Study) -> dict[str, float]:
    """Each key's share of the variance; empty with one key, few trials or no variance.

    Main effects of a functional analysis of variance of a random forest, made to add up to 1.
    "An efficient approach for assessing hyperparameter importance" (Hutter et al., 2014).
    """
    complete = study.optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    varied = len({trial.value for trial in complete}) > 1
    if len(study.space.dimensions) < 2 or len(complete) < FEWEST or not varied:
        return {}
    return get_param_importances(study.optuna, evaluator=FanovaImportanceEvaluator(seed=0))


def draw_importance(
    shares: Mapping[str, float], space: Space, found: Sequence[Result], title: str
) -> Figure:
    """A bar for each swept key, the longest first."""
    trials = sum(len(result.complete) for result in found)
    page = Page(
        LEFT + WIDTH + 60 + MARGIN, BAR * len(shares) + FOOT,
        "How much of the differences in the validation ELBO each swept key explains",
        f"{title} · fANOVA on a random forest over {trials} complete trials; interactions left out",
    )  # fmt: skip
    axes = page.axes(LEFT, 0, WIDTH, BAR * len(shares))
    names = sorted(shares, key=shares.__getitem__)
    axes.barh(range(len(names)), [shares[name] for name in names], 0.62, color=ACCENT)
    axes.set_yticks(range(len(names)), [space.short(name) for name in names], size=9.5)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("share of the explained variance", size=9, color=INK)
    for place, name in enumerate(names):
        axes.annotate(
            f"{shares[name]:.2f}", (shares[name], place), xytext=(5, 0),
            textcoords="offset points", va="center", size=9, color=SOFT, annotation_clip=False,
        )  # fmt: skip
    return page.figure
