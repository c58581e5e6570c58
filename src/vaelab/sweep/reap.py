"""Trials of workers that were killed."""

from vaelab.sweep.heart import Watch
from vaelab.sweep.study import Study
from vaelab.sweep.trial import State


def reap(study: Study, watch: Watch, living: set[str]) -> None:
    """Retry the trials of workers that were killed; to be called alone."""
    for trial in study.every():
        if trial.state is State.RUNNING and trial.worker not in living:
            study.retry(trial)
            watch.bury(trial.worker)
