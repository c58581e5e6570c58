"""A process that trains trials until none are left: `python -m vaelab.sweep.worker DIR`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import sleep

from vaelab.console import Console, visible
from vaelab.errors import RunBusyError, StorageError, UserError
from vaelab.files import storage_error
from vaelab.process import prepare_process
from vaelab.run import Run
from vaelab.runfiles import remove_run
from vaelab.sweep.group import alike, share
from vaelab.sweep.heart import Heart, Watch, worker_name
from vaelab.sweep.machine import check_machine
from vaelab.sweep.plan import Sweep
from vaelab.sweep.progress import ended
from vaelab.sweep.reap import reap
from vaelab.sweep.study import Study
from vaelab.sweep.supply import fill, over
from vaelab.sweep.trial import State, Trial
from vaelab.sweep.warden import LostError, Warden
from vaelab.training import DivergedRunError, Start, interruptible, train_together
from vaelab.training.interrupt import Interrupt

POLL = 1.0
"""Seconds between looks for work while others have it all."""
LOOKED_AT = 500
"""Waiting trials among which those that are alike are sought."""


class Worker:
    """Claims trials, trains those that are alike together, and notes how they end.

    Args:
        folder: of the sweep.
        name: its own, which no other has.
        workers: that there will be at least; trials are shared among so many.
        console: where it says what it does.
    """

    def __init__(self, folder: Path, name: str, workers: int, console: Console) -> None:
        self.folder, self.name, self.console = folder, name, console
        self.sweep = Sweep.load(folder)
        self.study = Study(folder, self.sweep.space)
        self._workers, self._watch = workers, Watch(folder)

    def work(self) -> None:
        """Train until nothing is left, or a person stops it."""
        with Heart(self.folder, self.name), interruptible() as interrupt:
            while not interrupt.requested:
                if claimed := self._claim():
                    if not self.train(claimed, interrupt):
                        return
                elif over(self.study, self.sweep):
                    return
                else:
                    sleep(POLL)

    def _claim(self) -> list[Trial]:
        with self.study.alone():
            living = self._watch.living()
            reap(self.study, self._watch, living)
            fill(self.study, self.sweep)
            trials = self.study.trials()
            waiting = [trial for trial in trials if trial.state is State.WAITING]
            busy = {trial.worker for trial in trials if trial.state is State.RUNNING} - {self.name}
            idle = max(len(living), self._workers) - len(busy)
            chosen = alike(waiting[:LOOKED_AT], self.sweep)
            chosen = chosen[: share(len(chosen), idle)]
            self.study.claim(chosen, self.name)
        return chosen

    def train(self, trials: list[Trial], interrupt: Interrupt) -> bool:
        """Train trials that it has claimed together; whether to go on with others.

        Raises:
            UserError: nothing can be trained here; they wait for another worker.
        """
        while trials:
            warden = Warden(self.study, self.sweep, trials, self.name, interrupt)
            try:
                experiments = [self.sweep.experiment(t.run, t.setting, t.seed) for t in trials]
                self._sweep_up(trials)
                outcomes = train_together(
                    experiments, self.folder, Start.RESUME, self.console, warden
                )
            except DivergedRunError as error:
                self._fail([t for t in trials if t.run == error.run], State.DIVERGED, error)
                trials = [trial for trial in trials if trial.run != error.run]
                continue
            except LostError as error:
                self.console.say(str(error))
                trials = [trial for trial in trials if trial.run in error.held]
                continue
            except StorageError:
                self.study.give_back(trials)
                raise
            except RunBusyError:  # one that was taken for dead and is not yet gone
                self.study.give_back(trials)
                sleep(POLL)
                return True
            except UserError as error:
                if len(trials) > 1:
                    return self._train_apart(trials, interrupt)
                self._check_machine(trials[0])
                self._fail(trials, State.FAILED, error)
                return True
            for trial in warden.pruned:
                self.study.prune(trial, *ended(Run(self.folder / trial.run)))
            trials = [trial for trial in trials if trial not in warden.pruned]
            if not warden.pruned:
                return self._finish(trials, any(outcome.stopped for outcome in outcomes))
        return True

    def _train_apart(self, trials: list[Trial], interrupt: Interrupt) -> bool:
        """One by one, so that it shows which of them is wrong; whether to go on with others."""
        left = list(trials)
        try:
            while left:
                if not self.train([left.pop(0)], interrupt):
                    return False
            return True
        finally:
            self.study.give_back(left)

    def _check_machine(self, trial: Trial) -> None:
        """Give a trial back that fails for what this machine lacks, not for its setting."""
        try:
            experiment = self.sweep.experiment(trial.run, trial.setting, trial.seed)
        except UserError:  # the setting
            return
        try:
            check_machine(experiment)
        except UserError:
            self.study.give_back([trial])
            raise

    def _finish(self, trials: Sequence[Trial], stopped: bool) -> bool:
        if stopped:
            self.study.give_back(trials)
            return False
        for trial in trials:
            self.study.complete(trial, *ended(Run(self.folder / trial.run)))
        return True

    def _fail(self, trials: Sequence[Trial], state: State, error: Exception) -> None:
        for trial in trials:
            reason = str(error).removeprefix(f"{trial.run}: ")
            self.console.say(f"{trial.run}: {reason}")
            self.study.fail(trial, state, reason)

    def _sweep_up(self, trials: Sequence[Trial]) -> None:
        """Remove what is left of folders whose worker was killed before there was a run in them."""
        for trial in trials:
            path = self.folder / trial.run
            if path.is_dir() and not Run.exists(path):
                remove_run(path, "output")


def main() -> int:
    """The command line.

    Returns:
        0; 2 for what a person can put right.
    """
    parser = argparse.ArgumentParser(prog="python -m vaelab.sweep.worker", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="of the sweep")
    parser.add_argument("--name", default=worker_name(), help="one that no other worker has")
    parser.add_argument("--workers", type=int, default=1, help="that share the trials")
    options = parser.parse_args()
    return work_on(options.folder, options.name, options.workers)


def work_on(folder: Path, name: str, workers: int) -> int:
    """Be a worker of a sweep, with this process.

    Args:
        folder: of the sweep.
        name: as for `Worker`.
        workers: as for `Worker`.

    Returns:
        0; 2 for what a person can put right, which the last line of stderr says.
    """
    prepare_process()
    try:
        Worker(folder, name, workers, Console()).work()
    except UserError as error:
        print(f"vaelab: {visible(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"vaelab: {visible(str(storage_error(folder, error)))}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
