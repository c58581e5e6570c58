"""The trials of a sweep, in Optuna's journal beside the runs: made, claimed, ended, retried.

The journal is Optuna's storage for several processes, on one machine or on several with a common
disk. SQLite, which its FAQ "would never recommend for parallel optimization", has neither safe
claims of waiting trials nor, on NFS, safe locks.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import optuna
from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState, create_trial
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vaelab.errors import UserError
from vaelab.experiment import FolderName
from vaelab.files import may_be_there, read_bytes, storage_error
from vaelab.runs.records import Finite, damaged, in_words
from vaelab.sweep.plan import Sweep
from vaelab.sweep.space import Setting

NAME = "sweep"
MAX_ATTEMPTS = 3
"""Times that a trial is begun whose workers are killed."""
TERMS = {"distortion", "rate", "epoch"}
MAX_JOURNAL_BYTES = 2**28


class State(StrEnum):
    """How far a trial is."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    """Stopped early, in the worse half of those that had come as far."""
    DIVERGED = "diverged"
    KILLED = "killed"
    """Its worker was killed; another trial with the same run goes on."""
    FAILED = "failed"


UNFINISHED = (State.WAITING, State.RUNNING)


class Trial(BaseModel):
    """A run of the sweep, as Optuna's journal has it."""

    model_config = ConfigDict(frozen=True)

    number: int
    state: State
    setting: Setting
    elbo: float | None = None
    """Validation ELBO at beta 1 of the weights kept, nats per image; None until it has ended."""
    run: Literal[""] | FolderName = ""
    """Name of its folder; empty while it is only a proposal of the sampler."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Of its training, where seeds are swept."""
    attempt: Annotated[int, Field(ge=1)] = 1
    """1, and one more after each worker that was killed."""
    worker: str = ""
    terms: dict[str, Finite] = Field(default_factory=dict)
    """`distortion` and `rate` of the weights' epoch, nats per image, and the `epoch`."""
    reason: str = ""

    @classmethod
    def of(cls, frozen: FrozenTrial) -> "Trial":
        """The trial as Optuna has it; a ValidationError if it cannot be of a sweep."""
        failed = frozen.state is TrialState.FAIL  # of several reasons; `ended` says which
        state = frozen.user_attrs.get("ended", "failed") if failed else frozen.state.name.lower()
        facts = {"number": frozen.number, "state": state, "setting": frozen.params}
        return cls.model_validate({**frozen.user_attrs, **facts, "elbo": frozen.value})


class Study:
    """A sweep in its folder, and its journal, which several processes may have open."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sweep = folder, Sweep.load(folder)
        self.space, self._path = self.sweep.space, folder / "journal.log"
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        lock = JournalFileOpenLock(str(self._path))
        try:
            if may_be_there(self._path):
                _drop_cut_line(self._path, lock)
            self.storage = JournalStorage(JournalFileBackend(str(self._path), lock))
            if not self.storage.get_all_studies():
                with self.locked():
                    optuna.create_study(
                        storage=self.storage, study_name=NAME, direction="maximize",
                        load_if_exists=True,
                    )  # fmt: skip
            self.optuna = self.load()
            self._id = self.storage.get_study_id_from_name(NAME)
        except UserError:
            raise
        except OSError as error:
            raise storage_error(self._path, error) from error
        except Exception as error:  # Optuna raises anything on damaged lines
            aside = "move it away, and `vaelab sweep resume` takes the finished runs in again"
            raise damaged(self._path, f"{_wrong_line(self._path)}; {aside}") from error

    def load(self, sampler: optuna.samplers.BaseSampler | None = None) -> optuna.Study:
        """Optuna's study, with a sampler of its own."""
        return optuna.load_study(study_name=NAME, storage=self.storage, sampler=sampler)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else makes, claims or retries trials inside the block."""
        with FileLock(self.folder / "claims.lock"):
            yield

    def every(self) -> list[Trial]:
        """All trials, also those whose run another has gone on with."""
        frozen = self.storage.get_all_trials(self._id, deepcopy=False)
        try:
            return [Trial.of(one) for one in frozen]
        except ValidationError as error:
            raise damaged(self._path, in_words(error)) from error

    def trials(self) -> list[Trial]:
        """The latest trial of each run."""
        latest = {trial.run: trial for trial in self.every() if trial.run}
        for trial in latest.values():
            if set(trial.setting) != set(self.space.keys):
                raise damaged(self._path, f"{trial.run} has other keys than sweep.yaml")
            if trial.elbo is not None and not TERMS <= trial.terms.keys():
                raise damaged(self._path, f"{trial.run} has an ELBO without its terms")
        return list(latest.values())

    @property
    def finished(self) -> bool:
        """Whether all trials have ended."""
        trials = self.trials()
        ended = not any(trial.state in UNFINISHED for trial in trials)
        return ended and len(trials) >= self.sweep.trials

    def waiting(self) -> list[Trial]:
        """Trials that wait to be claimed."""
        return [trial for trial in self.trials() if trial.state is State.WAITING]

    def add(
        self, setting: Setting, seed: int | None, run: str | None = None, attempt: int = 1
    ) -> None:
        """Make a trial that waits; under the lock. Without `run` it has a new one."""
        name = run or self.run_name(self.storage.get_n_trials(self._id), setting, seed)
        self.optuna.add_trial(
            create_trial(
                state=TrialState.WAITING, params=dict(setting),
                distributions=dict(self.space.dimensions),
                user_attrs={"run": name, "seed": seed, "attempt": attempt},
            )
        )  # fmt: skip

    def run_name(self, number: int, setting: Setting, seed: int | None) -> str:
        """The folder of a new trial's run."""
        return f"{number:03d}_{self.space.name(setting, seed)}"

    def claim(self, trials: Sequence[Trial], worker: str) -> None:
        """Note that a worker trains these; under the lock."""
        for trial in trials:
            self.set_state(trial.number, TrialState.RUNNING, {"worker": worker})

    def give_back(self, trials: Sequence[Trial]) -> None:
        """Let trials wait for another worker."""
        for trial in trials:
            self.set_state(trial.number, TrialState.WAITING)

    def complete(self, trial: Trial, elbo: float, terms: dict[str, float]) -> None:
        """Note that a trial was trained to the end."""
        self.set_state(trial.number, TrialState.COMPLETE, {"terms": terms}, elbo)

    def prune(self, trial: Trial, elbo: float, terms: dict[str, float]) -> None:
        """Note that a trial was stopped early."""
        self.set_state(trial.number, TrialState.PRUNED, {"terms": terms}, elbo)

    def fail(self, trial: Trial, state: State, reason: str) -> None:
        """Note that a trial ended without a number."""
        about = {"ended": state.value, "reason": reason}
        self.set_state(trial.number, TrialState.FAIL, about)

    def retry_lost(self, alive: set[str]) -> None:
        """Retry the trials of workers that are no longer alive; under the lock."""
        for trial in self.every():
            if trial.state is State.RUNNING and trial.worker not in alive:
                self.retry(trial)

    def retry(self, trial: Trial) -> None:
        """Let another trial go on with the run of one whose worker was killed; under the lock."""
        reason = f"the worker {trial.worker} was killed"
        if not trial.run:
            self.fail(trial, State.KILLED, "drawn by a process that was killed")
        elif trial.attempt >= MAX_ATTEMPTS:
            before = f"and those of {MAX_ATTEMPTS - 1} attempts before"
            self.fail(trial, State.FAILED, f"{reason}, {before}")
        else:
            if not any(one.run == trial.run and one.number > trial.number for one in self.every()):
                self.add(trial.setting, trial.seed, trial.run, trial.attempt + 1)
            self.fail(trial, State.KILLED, reason)

    def report(self, trial: Trial, epoch: int, elbo: float) -> None:
        """Note the best validation ELBO of a trial by the end of an epoch."""
        number = self.storage.get_trial_id_from_study_id_trial_number(self._id, trial.number)
        self.storage.set_trial_intermediate_value(number, epoch, elbo)

    def reported(self, epoch: int) -> list[float]:
        """What was reported of that epoch, once for each run."""
        frozen = self.storage.get_all_trials(self._id, deepcopy=False)
        by_run = {
            one.user_attrs["run"]: one.intermediate_values[epoch]
            for one in frozen
            if epoch in one.intermediate_values
        }
        return list(by_run.values())

    def set_state(
        self,
        number: int,
        state: TrialState,
        about: Mapping[str, Any] | None = None,
        elbo: float | None = None,
    ) -> None:
        """Write a trial's attributes and its state."""
        trial = self.storage.get_trial_id_from_study_id_trial_number(self._id, number)
        for key, value in (about or {}).items():
            self.storage.set_trial_user_attr(trial, key, value)
        self.storage.set_trial_state_values(trial, state, None if elbo is None else [elbo])


def _wrong_line(path: Path) -> str:
    """The first line of a journal that is no JSON, in words."""
    for number, line in enumerate(read_bytes(path, MAX_JOURNAL_BYTES).splitlines(), 1):
        try:
            json.loads(line)
        except ValueError:
            return f"line {number} is not JSON"
    return "it is not what Optuna writes"


def _drop_cut_line(path: Path, lock: JournalFileOpenLock) -> None:
    """Drop a last line that a full disk has cut short, before another is put behind it."""
    if read_bytes(path, MAX_JOURNAL_BYTES)[-1:] in (b"", b"\n"):
        return
    lock.acquire()
    try:
        with path.open("rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
    finally:
        lock.release()
