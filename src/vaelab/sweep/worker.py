"""A process that trains trials until none are left: `python -m vaelab.sweep.worker DIR`."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import sleep

from vaelab.console import Console, visible
from vaelab.errors import RunBusyError, StorageError, UserError
from vaelab.files import storage_error
from vaelab.malloc import prepare_process
from vaelab.runs.run import Run
from vaelab.runs.runfiles import remove_run
from vaelab.runs.runlock import writer_of
from vaelab.sweep.liveness import alive, registered, worker_name
from vaelab.sweep.plan import Sweep, check_machine
from vaelab.sweep.pruning import PruningCallback
from vaelab.sweep.search import propose_trials
from vaelab.sweep.study import MAX_ATTEMPTS, State, Study, Trial
from vaelab.training import DivergedRunError, Start, check_alike, interruptible, train_together
from vaelab.training.interrupt import Interrupt
from vaelab.training.precision import choose_place
from vaelab.training.replicas import gains_by_batching
from vaelab.training.state import read_progress

POLL_SECONDS = 1.0
"""Between looks for work while others have it all."""
MAX_BATCH_CANDIDATES = 500
"""Waiting trials among which those that can be trained together are sought."""
MAX_BATCHED_TRIALS = 16
"""In one batched model; more gain little and need memory."""
EXIT_USER_ERROR = 2


class Worker:
    """Claims trials, trains those that can be batched together, and notes how they end.

    Trials are shared among so many `workers` as there will be at least. No other has its name.
    """

    def __init__(self, folder: Path, name: str, workers: int, console: Console) -> None:
        self.folder, self.name, self.console = folder, name, console
        self.study = Study(folder)
        self.sweep, self._workers = self.study.sweep, workers

    def work(self, interrupt: Interrupt) -> None:
        """Train until nothing is left, or the user stops it."""
        with registered(self.folder, self.name):
            while not interrupt.requested:
                if claimed := self.claim():
                    if not self.train(claimed, interrupt):
                        return
                elif self.study.finished:
                    return
                else:
                    sleep(POLL_SECONDS)

    def claim(self) -> list[Trial]:
        """Claim trials that can be trained together."""
        with self.study.locked():
            workers = alive(self.folder)
            self.study.retry_lost(workers)
            propose_trials(self.study)
            trials = self.study.trials()
            busy = {trial.worker for trial in trials if trial.state is State.RUNNING} - {self.name}
            idle = max(len(workers), self._workers) - len(busy)
            waiting = [trial for trial in trials if trial.state is State.WAITING]
            chosen = batchable_trials(waiting[:MAX_BATCH_CANDIDATES], self.sweep)
            share = min(MAX_BATCHED_TRIALS, -(-len(chosen) // max(1, idle)))
            self.study.claim(chosen[:share], self.name)
        return chosen[:share]

    def train(self, trials: list[Trial], interrupt: Interrupt) -> bool:
        """Train trials that it has claimed together; whether to go on with others.

        Where nothing can be trained here, an error says why, and they wait for another worker.
        """
        while trials:
            pruning = PruningCallback(self.study, trials, self.sweep.prune, interrupt)
            try:
                experiments = [self.sweep.experiment(t.run, t.setting, t.seed) for t in trials]
                self._remove_remains(trials)
                outcomes = train_together(
                    experiments, self.folder, Start.RESUME, self.console, [pruning]
                )
            except DivergedRunError as error:
                lost = next(trial for trial in trials if trial.run == error.run)
                self._fail(lost, State.DIVERGED, error)
                trials = [trial for trial in trials if trial is not lost]
                continue
            except StorageError:
                self.study.give_back(trials)
                raise
            except RunBusyError:  # a process of a killed worker that is not yet gone
                self.study.give_back(trials)
                sleep(POLL_SECONDS)
                return True
            except UserError as error:
                if len(trials) > 1:  # one by one, so that it shows which of them is wrong
                    self.study.give_back(trials[1:])
                    trials = trials[:1]
                    continue
                self._check_machine(trials[0])
                self._fail(trials[0], State.FAILED, error)
                return True
            for trial in pruning.pruned:
                self.study.prune(trial, *result_of(Run(self.folder / trial.run)))
            trials = [trial for trial in trials if trial not in pruning.pruned]
            if not pruning.pruned:
                if any(outcome.stopped for outcome in outcomes):
                    self.study.give_back(trials)
                    return False
                for trial in trials:
                    self.study.complete(trial, *result_of(Run(self.folder / trial.run)))
                return True
        return True

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

    def _fail(self, trial: Trial, state: State, error: Exception) -> None:
        reason = str(error).removeprefix(f"{trial.run}: ")
        self.console.say(f"{trial.run}: {reason}")
        self.study.fail(trial, state, reason)

    def _remove_remains(self, trials: Sequence[Trial]) -> None:
        """Remove what is left of folders whose worker was killed before there was a run in them."""
        for trial in trials:
            path = self.folder / trial.run
            if path.is_dir() and not Run.exists(path) and writer_of(path) is None:
                remove_run(path)


def batchable_trials(trials: Sequence[Trial], sweep: Sweep) -> list[Trial]:
    """The first trial and those that differ from it in seed, beta or learning rate alone.

    It stays by itself where they would take their steps in turn, for one after the other their
    results come sooner, and where it is begun for the last time: if it kills that worker too, none
    fails in its company.
    """
    if not trials:
        return []
    chosen = [trials[0]]
    if trials[0].attempt == MAX_ATTEMPTS:
        return chosen
    try:
        first = sweep.experiment(trials[0].run, trials[0].setting, trials[0].seed)
        if not gains_by_batching(first, choose_place(first.training).device):
            return chosen
    except UserError:  # the one who trains it says so
        return chosen
    for trial in trials[1:]:
        if trial.attempt < MAX_ATTEMPTS:
            with suppress(UserError):
                check_alike([first, sweep.experiment(trial.run, trial.setting, trial.seed)])
                chosen.append(trial)
    return chosen


def result_of(run: Run) -> tuple[float, dict[str, float]]:
    """The validation ELBO of the weights kept, nats per image, and the terms of their epoch."""
    progress = read_progress(run.resume_path)
    rows = [row for row in run.metrics() if row["split"] == "valid"]
    best = next(row for row in rows if row["epoch"] == progress.best_epoch)
    terms = {name: float(best[f"{name}_nats"]) for name in ("distortion", "rate")}
    return float(best["elbo_nats"]), {**terms, "epoch": progress.best_epoch}


def main() -> int:
    """The command line; 2 for what the user can put right, which stderr says, else 0."""
    parser = argparse.ArgumentParser(prog="python -m vaelab.sweep.worker", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="of the sweep")
    parser.add_argument("--name", default=worker_name(), help="one that no other worker has")
    parser.add_argument("--workers", type=int, default=1, help="that share the trials")
    options = parser.parse_args()
    prepare_process()
    try:
        worker = Worker(options.folder, options.name, options.workers, Console())
        with interruptible() as interrupt:
            worker.work(interrupt)
    except (UserError, OSError) as error:
        wrong = error if isinstance(error, UserError) else storage_error(options.folder, error)
        print(f"vaelab: {visible(str(wrong))}", file=sys.stderr)
        return EXIT_USER_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
