"""Where a training begins: a new run directory, an old one replaced, or one to go on with."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

from vaelab.config import Config, assigned
from vaelab.errors import BadCombinationError, BadValueError, UserError
from vaelab.experiment import Experiment
from vaelab.files import may_be_there, put_in_place, storing
from vaelab.runs.run import Run
from vaelab.runs.runfiles import foreign, is_empty, refuse_foreign, refuse_hidden
from vaelab.tensorfile import read_tensors
from vaelab.training.folder import TrainingFolder
from vaelab.training.state import Progress, read_progress

FREE = (
    "task_name",
    "figures",
    "explorer",
    "training.epochs",
    "training.loggers",
    "training.max_minutes",
    "training.save_minutes",
    "training.threads",
    "training.engine",
    "training.preview",
)


class Start(Enum):
    """What to do about a run directory that is there already."""

    NEW = "new"
    """Refuse it, unless a training was begun there whose first step failed."""
    OVERWRITE = "overwrite"
    """Replace it."""
    RESUME = "resume"
    """Go on with it, or begin where there is none."""


def check_start(experiment: Experiment, path: Path, start: Start, checksum: str) -> None:
    """Refuse what cannot be begun or gone on with; nothing is written."""
    if experiment.prior_fit is not None:
        raise BadCombinationError(
            f"the prior of {experiment.task_name} was fitted to the codes of "
            f"{experiment.prior_fit.run} after its training; train that and fit a prior again, or "
            "train all from the beginning with prior_fit=null task_name=NAME"
        )
    for logger in experiment.training.loggers:
        logger.check()
    if not Run.exists(path):
        refuse_hidden(path)
        if path.is_dir() and not is_empty(path):
            raise BadValueError(f"{path} holds files that are not a run; choose another task_name")
        return
    names = foreign(path)
    if start is Start.NEW and (names or not _failed_at_once(Run(path, experiment))):
        replace = "" if names else "--overwrite replaces it, "
        raise BadValueError(
            f"there is a run in {path} already; --resume goes on with it, {replace}"
            "and task_name=NAME makes another"
        )
    if start is Start.RESUME:
        _check_resume(Run(path), experiment, checksum, names)
    else:
        refuse_foreign(path, "replaced")


def open_folders(
    experiments: Sequence[Experiment], paths: Sequence[Path], start: Start, checksum: str
) -> Iterator[TrainingFolder]:
    """The folders to train in, locked, with their configs in them."""
    for experiment, path in zip(experiments, paths, strict=True):
        folder = TrainingFolder(path)
        yield folder
        check_start(experiment, path, start, checksum)
        if start is not Start.RESUME and Run.exists(path):
            folder.replace(experiment)
        elif not (Run.exists(path) and progress_of(Run(path)).epoch >= experiment.training.epochs):
            Run.create(path, experiment)
    finish_saving([Run(*pair) for pair in zip(paths, experiments, strict=True)])


def finish_saving(runs: Sequence[Run]) -> None:
    """Make runs equally far that were killed while they were saved together.

    What was prepared takes its place if it was prepared of all, and is removed otherwise.
    """
    steps = [(progress_of(run).step, _prepared_step(run.prepared_path)) for run in runs]
    newest = max(prepared for _, prepared in steps)
    whole = all(newest <= max(pair) for pair in steps)
    for run, (done, prepared) in zip(runs, steps, strict=True):
        if whole and done < prepared:
            put_in_place(run.prepared_path, run.resume_path)
        else:
            with storing(run.prepared_path):
                run.prepared_path.unlink(missing_ok=True)


def _prepared_step(path: Path) -> int:
    """The step of a checkpoint that is whole; -1: there is none."""
    with suppress(UserError):
        read_tensors(path)
        return read_progress(path).step
    return -1


def notes_to_resume(
    experiments: Sequence[Experiment], folder: Path, assignments: Sequence[str] = ()
) -> list[str]:
    """That there is nothing yet to go on with, or which settings it goes on with are others.

    Those that the user has just assigned are not told.
    """
    paths = [folder / one.task_name for one in experiments]
    if not any(Run.exists(path) for path in paths):
        return [f"there is no run in {paths[0]} to go on with, so it begins at the first epoch"]
    notes = [
        f"{key} is not the run's" if isinstance(new, tuple) else _changed(key, old, new)
        for path, one in zip(paths, experiments, strict=True)
        if Run.exists(path)
        for key, old, new in differences(Run(path).experiment, one)
        if key != "task_name" and key.startswith(FREE) and assigned(key, assignments) is None
    ]
    return list(dict.fromkeys(notes))


def progress_of(run: Run) -> Progress:
    """How far a run has come that can be gone on with; at its beginning where nothing is saved."""
    return read_progress(run.resume_path) if may_be_there(run.resume_path) else Progress()


def is_finished(run: Run) -> bool:
    """Whether a run has had all its epochs."""
    return progress_of(run).epoch >= run.experiment.training.epochs


def _check_resume(run: Run, experiment: Experiment, checksum: str, names: Sequence[str]) -> None:
    if not may_be_there(run.resume_path):
        if names:
            raise BadValueError(
                f"{run.path} has nothing to go on with, and holds what vaelab did not write "
                f"({', '.join(names[:3])}); choose another task_name"
            )
        found = [path for path in (run.weights_path, run.metrics_path) if _has_content(path)]
        if found:
            raise BadValueError(
                f"{run.path} has {' and '.join(path.name for path in found)} but no "
                f"{run.resume_path.name}, without which it cannot go on; put that file back, begin "
                f"anew with --overwrite, or keep it as it is: `vaelab evaluate {run.typed}` "
                "needs the weights alone"
            )
        return
    changes = [
        _changed(*difference)
        for difference in differences(run.experiment, experiment)
        if not difference[0].startswith(FREE)
    ]
    if changes:
        raise BadCombinationError(
            f"{run.path} was begun with other settings ({'; '.join(changes)}); give the run's own "
            f"(`vaelab train {run.typed} --resume`), or task_name=NAME for a new run"
        )
    before = run.environment().get("data_checksum", checksum)
    if before != checksum:
        raise BadCombinationError(
            f"the data has changed since {run.path} was begun (checksum {before[:12]}, now "
            f"{checksum[:12]}); put the old data back, or start a new run with task_name=NAME"
        )
    if not experiment.keeps_last and progress_of(run).best_elbo is not None:
        _check_weights(run)


def _check_weights(run: Run) -> None:
    """Refuse weights that cannot be read at the end, unless later ones take their place."""
    try:
        if Run.has_weights(run.path):
            read_tensors(run.weights_path)
    except BadValueError as error:
        with suppress(BadValueError):
            if run.about_weights()["kept_by"] == "last":
                return
        raise BadValueError(
            f"{str(error).rpartition('; ')[0]}, and the best weights are lost with it; nothing was "
            "trained: put that file back, or begin anew with --overwrite"
        ) from error


def _failed_at_once(run: Run) -> bool:
    """Whether a training was begun here, and its first step was never taken."""
    if any(map(_has_content, (run.weights_path, run.metrics_path))):
        return False
    return may_be_there(run.resume_path) and progress_of(run).step == 0


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def differences(old: Config, new: Config, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two configs of one class differ: the dotted key, its old value and its new one."""
    for name in type(new).model_fields:
        before, after = getattr(old, name, None), getattr(new, name)
        if before == after:
            continue
        if isinstance(after, Config) and isinstance(before, type(after)):
            yield from differences(before, after, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _plain(before), _plain(after)


def _changed(key: str, old: Any, new: Any) -> str:
    return f"{key} was {old!r} and is now {new!r}"


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Config) else value
