"""Sweeps: one config at many settings, trained by several processes and set beside each other."""

from pathlib import Path
from typing import Any

from vaelab.console import Console
from vaelab.errors import MissingFileError
from vaelab.sweep.conduct import conduct
from vaelab.sweep.engines.engine import Engine
from vaelab.sweep.heart import Watch
from vaelab.sweep.machine import check_machine
from vaelab.sweep.pictures import draw_pictures
from vaelab.sweep.plan import Search, Sweep, plan, resets_of
from vaelab.sweep.results import results, setting_words, table
from vaelab.sweep.study import Study
from vaelab.sweep.supply import fill
from vaelab.sweep.trial import GOING, State, Trial

__all__ = ["begin", "go_on", "resets_of", "show_best", "show_status"]


def begin(
    settings: dict[str, Any],
    words: list[str],
    search: Search,
    trials: int | None,
    prune: bool,
    runs: Path,
    here: bool = True,
) -> Path:
    """Make a sweep's folder and its trials; nothing is trained yet.

    Args:
        settings: the keys that a config gives.
        words: what is swept, and overrides.
        search: how settings are chosen.
        trials: how many; None for a grid.
        prune: whether to stop bad trials early.
        runs: where the folder is made.
        here: whether this machine trains them.

    Raises:
        UserError: something cannot be swept, this machine lacks what every trial needs, or the
            folder is there already.
    """
    sweep = plan(settings, words, search, trials, prune)
    check_machine(sweep.first, here)
    folder = runs / f"{sweep.settings.get('task_name', 'run')}_sweep"
    sweep.save(folder)
    study = Study(folder, sweep.space)
    with study.alone():
        fill(study, sweep)
    return folder


def go_on(folder: Path, engine: Engine, console: Console) -> int | None:
    """Train what is left, then print the table and draw the pictures.

    Returns:
        The number of the signal that has stopped it, if one has.

    Raises:
        UserError: there is no sweep, or no worker can work.
    """
    done, signal = conduct(folder, engine, console)
    show_status(folder, console)
    if not done:
        console.say(f"to go on: vaelab sweep resume {folder}")
        return signal
    if paths := draw_pictures(folder, console):
        console.say(f"pictures in {folder}: {', '.join(path.name for path in paths)}")
    show_best(folder, console)
    return None


def show_status(folder: Path, console: Console) -> None:
    """Print the settings with their numbers, who works, and why trials failed."""
    sweep, trials = _read(folder)
    ended = sum(trial.state not in GOING for trial in trials)
    console.print(table(sweep, trials, f"{folder}: {ended} of {sweep.trials} trials have ended"))
    for trial in trials:
        if trial.reason and trial.state is not State.KILLED:
            console.say(f"{trial.run} {trial.state.value}: {trial.reason}")
    living = Watch(folder).living_at_a_glance()
    running = sum(trial.state is State.RUNNING for trial in trials)
    if living or running:
        lost = sum(t.state is State.RUNNING and t.worker not in living for t in trials)
        words = f"{len(living)} at work, {running - lost} trials under training"
        if lost:
            words += f"; {lost} left by killed workers: vaelab sweep resume {folder} goes on"
        console.say(words)


def show_best(folder: Path, console: Console) -> None:
    """Print the best setting and its best run.

    Raises:
        MissingFileError: no trial is complete.
    """
    sweep, trials = _read(folder)
    found = [result for result in results(trials) if result.complete]
    if not found:
        if len(trials) < sweep.trials or any(trial.state in GOING for trial in trials):
            what = f"is complete yet; `vaelab sweep resume {folder}` goes on"
        else:
            what = (
                f"was trained to the end; `vaelab sweep status {folder}` says why, and "
                "task_name=NAME makes another sweep"
            )
        raise MissingFileError(f"no trial of {folder} {what}")
    best = found[0]
    seeds = f"mean of {len(best.complete)} seeds; " if len(best.complete) > 1 else ""
    setting = setting_words(sweep.space, best.setting) or "the only setting"
    run = folder / best.best.run
    console.say(f"best: {setting}: valid elbo {best.elbo} nats ({seeds}its best run: {run})")
    console.say(f"next: vaelab evaluate {run}")


def _read(folder: Path) -> tuple[Sweep, list[Trial]]:
    sweep = Sweep.load(folder)
    return sweep, Study(folder, sweep.space).trials()
