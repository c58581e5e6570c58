"""Sweeps: one config at many settings, trained by several processes and set beside each other."""

from pathlib import Path
from typing import Any

from vaelab.errors import MissingFileError, typed

try:
    import optuna  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingFileError(
        "sweeps need Optuna, which is not installed; `pip install 'vaelab[sweep]'` installs it"
    ) from error

from vaelab.console import Console
from vaelab.files import storing
from vaelab.runs.run import Run
from vaelab.sweep.engine import Engine, Task
from vaelab.sweep.liveness import alive
from vaelab.sweep.pictures import draw_pictures
from vaelab.sweep.plan import Search, check_machine, plan, resets_of
from vaelab.sweep.progress_table import ProgressTable
from vaelab.sweep.results import results, setting_words, table
from vaelab.sweep.search import propose_trials
from vaelab.sweep.study import UNFINISHED, State, Study
from vaelab.training import interruptible

__all__ = ["resets_of", "resume_sweep", "show_best", "show_status", "start_sweep"]


def start_sweep(
    settings: dict[str, Any],
    words: list[str],
    search: Search,
    trials: int | None,
    prune: bool,
    runs: Path,
    here: bool = True,
) -> Path:
    """Make a sweep's folder among the runs, and its trials; nothing is trained yet."""
    sweep = plan(settings, words, search, trials, prune)
    check_machine(sweep.first, here)
    folder = runs / f"{sweep.settings.get('task_name', 'run')}_sweep"
    sweep.save(folder)
    study = Study(folder)
    with study.locked():
        propose_trials(study)
    return folder


def resume_sweep(folder: Path, engine: Engine, console: Console) -> int | None:
    """Train what is left, print and draw; the number of the signal that has stopped it, if any."""
    study = Study(folder)
    progress = ProgressTable(study, console)
    with storing(folder):
        with interruptible() as interrupt, progress.live():
            if not study.finished:
                engine(Task(study, progress, interrupt))
        progress.show(study.trials())
    show_status(folder, console)
    if not study.finished:
        console.say(f"to go on: vaelab sweep resume {typed(folder)}")
        return interrupt.signal
    if paths := draw_pictures(study, console):
        console.say(f"pictures in {folder}: {', '.join(path.name for path in paths)}")
    show_best(folder, console)
    return None


def show_status(folder: Path, console: Console) -> None:
    """Print the settings with their numbers, who works, and why trials failed."""
    study = Study(folder)
    unknown = _unknown_runs(study)
    trials, workers = study.trials(), alive(folder)
    running = [trial for trial in trials if trial.state is State.RUNNING]
    lost = [trial for trial in running if trial.worker not in workers]
    killed = {"state": State.KILLED}
    shown = [trial.model_copy(update=killed) if trial in lost else trial for trial in trials]
    ended = sum(trial.state not in UNFINISHED for trial in trials)
    title = f"{folder}: {ended} of {study.sweep.trials} trials have ended"
    console.print(table(study.space, shown, title))
    if unknown:
        console.say(f"note: {unknown}")
    for trial in trials:
        if trial.reason and trial.state is not State.KILLED:
            console.say(f"{trial.run} {trial.state.value}: {trial.reason}")
    if workers or running:
        words = f"{len(workers)} at work, {len(running) - len(lost)} trials under training"
        if lost:
            resume = f"vaelab sweep resume {typed(folder)}"
            words += f"; {len(lost)} left by killed workers: {resume} goes on"
        console.say(words)


def show_best(folder: Path, console: Console) -> None:
    """Print the best setting and its best run."""
    study = Study(folder)
    found = [result for result in results(study.trials()) if result.complete]
    if not found:
        what = f"is complete yet; `vaelab sweep resume {typed(folder)}` goes on"
        if study.finished:
            what = (
                f"was trained to the end; `vaelab sweep status {typed(folder)}` says why, and "
                "task_name=NAME makes another sweep"
            )
        if unknown := _unknown_runs(study):
            what = f"is complete: {unknown}"
        raise MissingFileError(f"no trial of {folder} {what}")
    best, *others = found
    seeds = f"mean of {len(best.complete)} seeds; " if len(best.complete) > 1 else ""
    setting = setting_words(study.space, best.setting) or "the only setting"
    run = folder / best.best.run
    console.say(f"best: {setting}: valid elbo {best.elbo} nats ({seeds}its best run: {run})")
    if others and best.elbo and others[0].elbo:
        gap, second = best.elbo - others[0].elbo, setting_words(study.space, others[0].setting)
        if gap.standard_error is not None:
            within = ", within twice its error" if gap.value < 2 * gap.standard_error else ""
            console.say(f"second: {second}: {gap} nats below{within}")
    if unknown := _unknown_runs(study):
        console.say(f"note: {unknown}")
    every = f"{typed(folder)}/[0-9]*"
    console.say(
        f"next: vaelab evaluate {typed(run)}; or all: vaelab evaluate {every} && "
        f"vaelab compare {every}"
    )


def _unknown_runs(study: Study) -> str:
    """That there are runs of which the journal knows nothing, and what to do; or nothing."""
    paths = [path for path in study.folder.glob("[0-9]*_*") if Run.exists(path)]
    known = tuple(trial.run for trial in study.trials())  # with them goes a fit of their prior
    if not (count := sum(not path.name.startswith(known) for path in paths)):
        return ""
    words = f"{count} run folders here are not in journal.log, which was cut or replaced"
    if not study.finished:
        words += f"; vaelab sweep resume {typed(study.folder)} takes them in again"
        if study.sweep.search != "grid":
            words += ", where it draws the same settings"
    return words
