"""A sweep as the user asked for it: what is swept, how, and which experiment each trial is."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from vaelab.config import Config, override, to_yaml, validate
from vaelab.errors import BadCombinationError, BadValueError, MissingFileError, typed
from vaelab.experiment import NO_PICTURES, Experiment
from vaelab.files import may_be_there, write_text
from vaelab.runs.lookup import resets
from vaelab.sweep.space import SEED, Range, Setting, Space, assignment, read_space
from vaelab.training.precision import choose_place
from vaelab.yamlfile import read_yaml

Search = Literal["grid", "random", "tpe"]

OWN = ("task_name", "training.replicas")
"""Keys that a sweep gives its trials itself."""
MAX_TRIALS = 2_000
FILES = ("sweep.yaml", "journal.log", "journal.log.lock", "claims.lock", "workers")
"""Names in a sweep's folder, which is that of its runs too."""


class Sweep(Config):
    """What sweep.yaml holds."""

    settings: dict[str, Any]
    """The keys of the experiment that all trials share, as a config gives them."""
    fixed: tuple[str, ...] = ()
    """Overrides that were given with what is swept, which hold whatever kind is swept."""
    swept: tuple[str, ...]
    """Each `key=v1,v2,...` or `key=LOW..HIGH[:log]`."""
    search: Search
    trials: int = Field(ge=1, le=MAX_TRIALS)
    """How many, seeds counted."""
    prune: bool
    """Whether the worse half of the trials is stopped early, again and again."""

    @cached_property
    def space(self) -> Space:
        """What is swept."""
        return read_space(self.swept)[0]

    @property
    def first(self) -> Experiment:
        """The experiment of one of its settings."""
        _, setting = next(self.space.samples())
        return self.experiment("trial", setting, None)

    def experiment(
        self, run: str, setting: Setting, seed: int | None, source: str | None = None
    ) -> Experiment:
        """The experiment of one trial; `source` or its name begins what is said of a bad one."""
        words = [assignment(key, value) for key, value in setting.items()]
        words += [f"task_name={run}"] + ([] if seed is None else [f"training.seed={seed}"])
        changed = override(Experiment, self.settings, [*self.fixed, *words])
        return validate(Experiment, changed, source or run)

    @classmethod
    def load(cls, folder: Path) -> "Sweep":
        """The sweep in a folder."""
        path = folder / "sweep.yaml"
        for name in FILES:
            if os.path.islink(folder / name):
                raise BadValueError(f"{folder / name} is a symbolic link, which is not followed")
        if not may_be_there(path):
            raise MissingFileError(
                f"there is no sweep in {folder} (no sweep.yaml); "
                "`vaelab sweep run CONFIG key=v1,v2,...` makes one"
            )
        return validate(cls, read_yaml(path), str(path))

    def save(self, folder: Path) -> None:
        """Begin a sweep in a folder."""
        if may_be_there(folder / "sweep.yaml"):
            raise BadValueError(_there_already(folder, Sweep.load(folder), self))
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadValueError(
                f"{folder} holds something that is not a sweep; choose another task_name"
            )
        write_text(folder / "sweep.yaml", to_yaml(self), parents=True)


def plan(
    settings: dict[str, Any], words: list[str], search: Search, trials: int | None, prune: bool
) -> Sweep:
    """A sweep whose every key and value can be used; how many trials is not said for a grid."""
    space, fixed = read_space(words)
    swept = tuple(word for word in words if word not in fixed)
    base = override(Experiment, settings, [*NO_PICTURES, *fixed])
    validate(Experiment, base, "the sweep's config")
    count = _count_trials(space, search, trials)
    if count > MAX_TRIALS:
        raise BadValueError(f"that is more than {MAX_TRIALS:,} trials; sweep less at once")
    if prune and space.repeats > 1:
        raise BadCombinationError(
            "--prune stops trials one by one, so a mean over training.seed would be one over the "
            "lucky ones; leave --prune out, or the seeds"
        )
    sweep = Sweep(
        settings=base, fixed=tuple(fixed), swept=swept, search=search, trials=count, prune=prune
    )
    for key in space.keys:
        if key in OWN:
            raise BadCombinationError(f"`{key}` cannot be swept: the sweep gives it to each trial")
        if key.split(".")[0] == "data":
            raise BadCombinationError(
                f"`{key}` cannot be swept: trials are compared on the same images; sweep them apart"
            )
    _check_experiments(sweep)
    return sweep


def resets_of(settings: dict[str, Any], words: list[str]) -> list[str]:
    """What the kinds that are swept or given put back at its default, a sentence each."""
    space, fixed = read_space(words)
    notes: list[str] = []
    for _, setting in space.samples():
        swept = [assignment(key, value) for key, value in setting.items()]
        notes += resets(settings, override(Experiment, settings, [*fixed, *swept]))
    return list(dict.fromkeys(notes))


def check_machine(experiment: Experiment, trains: bool = True) -> None:
    """Refuse what no setting of a sweep could be trained with here, of any trial's experiment.

    Its device has to be here only if this machine `trains` it.
    """
    if trains:
        choose_place(experiment.training)
    for logger in experiment.training.loggers:
        logger.check()
    experiment.data.load()


def _count_trials(space: Space, search: Search, trials: int | None) -> int:
    """How many there will be; whether they can be is checked."""
    if search == "grid":
        ranges = [key for key, one in space.dimensions.items() if isinstance(one, Range)]
        if ranges:
            raise BadCombinationError(
                f"a grid needs listed values, but `{ranges[0]}` is a range; list some, or use "
                "--search random or --search tpe, with --trials N"
            )
        if trials is not None:
            raise BadCombinationError(
                f"a grid has as many trials as combinations, here {space.size:,}; leave --trials "
                "out, or use --search random or tpe"
            )
        return space.size
    if trials is None:
        raise BadCombinationError(f"--search {search} never ends by itself; add --trials N")
    if not space.dimensions:
        raise BadCombinationError("nothing but the seed is swept; leave --search out")
    if trials % space.repeats:
        up = trials + space.repeats - trials % space.repeats
        raise BadCombinationError(
            f"each setting is trained with {space.repeats} seeds, and {trials} is no multiple of "
            f"that; use --trials {up}"
        )
    most = space.count * space.repeats
    if trials > most:
        raise BadCombinationError(
            f"--trials {trials}, but there are no more than {most} different ones; "
            f"use --trials {most}, or sweep more values"
        )
    return trials


def _check_experiments(sweep: Sweep) -> None:
    space = sweep.space
    (words, setting), *others = space.samples()
    first = _checked(sweep, setting, space.seeds[0], words)
    for seed in space.seeds[1:]:
        _checked(sweep, setting, seed, assignment(SEED, seed))
    for setting in space.grid() if sweep.search == "grid" else ():
        words = " ".join(assignment(key, value) for key, value in setting.items())
        others.append((words, setting))
    for words, setting in others:
        _check_comparable(first, _checked(sweep, setting, space.seeds[0], words), words)


def _checked(sweep: Sweep, setting: Setting, seed: int | None, words: str) -> Experiment:
    experiment = sweep.experiment("trial", setting, seed, f"the sweep's {words}")
    training = experiment.training
    if experiment.data.validation == 0:
        raise BadCombinationError(
            "trials are compared by their validation ELBO, but data.validation is 0; "
            "hold some images out, e.g. data.validation=200"
        )
    if training.max_minutes is not None:
        raise BadCombinationError(
            "training.max_minutes would stop trials by a clock that those trained together share; "
            "leave it out and choose training.epochs"
        )
    if training.replicas > 1:
        raise BadCombinationError(
            f"training.replicas is {training.replicas}, but a sweep lists its seeds: {SEED}=0,1,2"
        )
    return experiment


def _check_comparable(one: Experiment, other: Experiment, words: str) -> None:
    kinds = one.model.likelihood, other.model.likelihood
    if kinds[0].measure != kinds[1].measure:
        raise BadCombinationError(
            f"{words}: the ELBOs of `{kinds[0].kind}` and `{kinds[1].kind}` cannot be compared "
            "(one is of a density, one of a probability); sweep them apart"
        )
    if one.model.numbers_conditional != other.model.numbers_conditional:
        raise BadCombinationError(
            f"{words}: an ELBO given the class cannot be compared with one without; sweep them "
            "apart"
        )


def _there_already(folder: Path, old: Sweep, new: Sweep) -> str:
    names = [name for name in Sweep.model_fields if getattr(old, name) != getattr(new, name)]
    on = f"`vaelab sweep resume {typed(folder)}` goes on with it, and task_name=NAME makes another"
    if not names:
        return f"there is this sweep in {folder} already; {on}"
    changes = "; ".join(
        f"{name} was {getattr(old, name)!r}" for name in names if name not in {"settings", "fixed"}
    )
    changes = changes or "the config or its overrides were others"
    return f"there is a sweep of other settings in {folder} ({changes}); {on}"
