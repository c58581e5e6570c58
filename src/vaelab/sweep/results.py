"""What a sweep found: its trials by setting, with mean and standard error over seeds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import fmean, stdev

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.sweep.space import Key, Setting, Space, key_of, words
from vaelab.sweep.study import State, Trial

ROWS = 40
"""Of the table."""
SHORT = {State.COMPLETE: "done"}


@dataclass(frozen=True)
class Mean:
    """A mean over seeds and its standard error; None of a single seed."""

    value: float
    standard_error: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Of one or more values."""
        error = stdev(values) / sqrt(len(values)) if len(values) > 1 else None
        return cls(fmean(values), error)

    def __sub__(self, other: "Mean") -> "Mean":
        """The difference of two means of independent values."""
        one, two = self.standard_error, other.standard_error
        error = None if one is None or two is None else hypot(one, two)
        return Mean(self.value - other.value, error)

    def __str__(self) -> str:
        if self.standard_error is None:
            return f"{self.value:,.2f}"
        return f"{self.value:,.2f} ± {self.standard_error:,.2f}"


@dataclass(frozen=True)
class Result:
    """A setting and its trials, one for each seed."""

    setting: Setting
    trials: tuple[Trial, ...]

    @property
    def complete(self) -> list[Trial]:
        """Trials that were trained to the end."""
        return [trial for trial in self.trials if trial.state is State.COMPLETE]

    @property
    def whole(self) -> bool:
        """Whether all were; a mean over the others would be over the lucky ones."""
        return len(self.complete) == len(self.trials)

    @property
    def elbo(self) -> Mean | None:
        """The validation ELBO at beta 1, nats per image."""
        values = [trial.elbo for trial in self.complete if trial.elbo is not None]
        return Mean.of(values) if values else None

    def term(self, name: str) -> Mean:
        """`distortion` or `rate`, nats per image, of the weights kept."""
        return Mean.of([trial.terms[name] for trial in self.complete])

    @property
    def best(self) -> Trial:
        """The trial with the highest ELBO."""
        return max(self.complete, key=lambda trial: trial.elbo or 0.0)


def results(trials: Sequence[Trial]) -> list[Result]:
    """The settings, those first whose seeds were all trained to the end, the highest ELBO first."""
    settings: dict[Key, dict[int | None, Trial]] = {}
    for trial in trials:  # one repeated with the same seed says nothing new
        settings.setdefault(key_of(trial.setting), {}).setdefault(trial.seed, trial)
    seeds = [tuple(those.values()) for those in settings.values()]
    found = [Result(those[0].setting, those) for those in seeds]
    found.sort(key=lambda result: 0.0 if result.elbo is None else -result.elbo.value)
    return sorted(found, key=lambda result: (result.elbo is None, not result.whole))


def table(space: Space, trials: Sequence[Trial], title: str) -> Table:
    """The settings with their numbers, the best first."""
    repeated = f"; ± standard error over {space.repeats} seeds" if space.repeats > 1 else ""
    caption = (
        "validation ELBO at beta 1 and its parts, of the weights each run keeps, nats per image"
        f"{repeated}; no test image was measured"
    )
    shown = Table(box=SIMPLE, title=escape(title), caption=caption)
    for key in space.keys:
        shown.add_column(escape(space.short(key)), overflow="fold", min_width=6)
    for name in ("elbo", "distortion", "rate"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("runs", no_wrap=True)
    found = results(trials)
    for result in found[:ROWS]:
        elbo = result.elbo
        numbers = ["-"] * 3
        if elbo is not None:
            numbers = [str(elbo), str(result.term("distortion")), str(result.term("rate"))]
        values = [escape(words(result.setting.get(key))) for key in space.keys]
        shown.add_row(*values, *numbers, _states(result))
    if len(found) > ROWS:
        shown.add_row(f"and {len(found) - ROWS} more")
    return shown


def setting_words(space: Space, setting: Setting) -> str:
    """A setting for people."""
    return ", ".join(f"{space.short(key)} {words(setting[key])}" for key in space.keys)


def _states(result: Result) -> str:
    """Such as `done`, `3 done` or `2 done, 1 diverged`."""
    counts = Counter(SHORT.get(trial.state, trial.state.value) for trial in result.trials)
    if len(result.trials) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {state}" for state, count in counts.items())
