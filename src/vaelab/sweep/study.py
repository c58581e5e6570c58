"""The trials of a sweep, in Optuna's journal beside the runs: made, claimed, ended, retried."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState, create_trial
from pydantic import ValidationError

from vaelab.errors import UserError
from vaelab.files import may_be_there, read_bytes, storage_error
from vaelab.records import damaged, in_words
from vaelab.sweep.space import Listed, Range, Setting, Space, Value, key_of
from vaelab.sweep.trial import State, Trial

NAME = "sweep"
DRAWS = 5
"""Times that a sampler may propose for each setting that is wanted."""
ATTEMPTS = 3
"""Times that a trial is begun whose workers are killed."""
TERMS = {"distortion", "rate", "epoch"}
LONGEST = 2**28
"""Bytes of a journal."""
HELD = 60
"""Seconds after which the lock of a process that was killed while alone is broken."""


class Study:
    """The journal of a sweep.

    Several processes, also of several machines with a common disk, may have it open.

    Args:
        folder: of the sweep.
        space: what is swept.

    Raises:
        StorageError: the journal is not there and cannot be made.
        BadValueError: it is damaged.
    """

    def __init__(self, folder: Path, space: Space) -> None:
        self.space, self._path, self._claims = space, folder / "journal.log", folder / "claims"
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        lock = JournalFileOpenLock(str(self._path))
        try:
            if may_be_there(self._path):
                _mend(self._path, lock)
            self._storage = JournalStorage(JournalFileBackend(str(self._path), lock))
            if not self._storage.get_all_studies():
                with self.alone():
                    optuna.create_study(
                        storage=self._storage, study_name=NAME, direction="maximize",
                        load_if_exists=True,
                    )  # fmt: skip
            self.optuna = optuna.load_study(study_name=NAME, storage=self._storage)
            self._id = self._storage.get_study_id_from_name(NAME)
        except UserError:
            raise
        except OSError as error:
            raise storage_error(self._path, error) from error
        except Exception as error:  # Optuna raises anything on damaged lines
            raise damaged(self._path, repr(error)) from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else makes, claims or retries trials inside the block."""
        lock = JournalFileOpenLock(str(self._claims), grace_period=HELD)
        lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def every(self) -> list[Trial]:
        """All trials, also those whose run another has gone on with."""
        frozen = self._storage.get_all_trials(self._id, deepcopy=False)
        try:
            return [Trial.of(one) for one in frozen]
        except ValidationError as error:
            raise damaged(self._path, in_words(error)) from error

    def trials(self) -> list[Trial]:
        """The latest trial of each run.

        Raises:
            BadValueError: the journal is damaged, or of another sweep.
        """
        latest = {trial.run: trial for trial in self.every() if trial.run}
        for trial in latest.values():
            if set(trial.setting) != set(self.space.keys):
                raise damaged(self._path, f"{trial.run} has other keys than sweep.yaml")
            if trial.elbo is not None and not TERMS <= trial.terms.keys():
                raise damaged(self._path, f"{trial.run} has an ELBO without its terms")
        return list(latest.values())

    def add(
        self, setting: Setting, seed: int | None, run: str | None = None, attempt: int = 1
    ) -> None:
        """A trial that waits to be claimed; without a run it has a new one; to be called alone."""
        with suppress(OSError):  # making thousands takes longer than others wait for the lock
            os.utime(f"{self._claims}.lock")
        name = run or self._run(self._storage.get_n_trials(self._id), setting, seed)
        self.optuna.add_trial(
            create_trial(
                state=TrialState.WAITING, params=dict(setting),
                distributions={one.key: distribution(one) for one in self.space.dimensions},
                user_attrs={"run": name, "seed": seed, "attempt": attempt},
            )
        )  # fmt: skip

    def draw(self, random: Random, count: int) -> None:
        """Trials that wait, with new settings drawn at random and the first of the seeds."""
        known = {key_of(trial.setting) for trial in self.trials()}
        for _ in range(count):
            setting = self.space.draw(random, known)
            known.add(key_of(setting))
            self.add(setting, self._first_seed)

    def propose(self, sampler: optuna.samplers.BaseSampler, count: int) -> int:
        """Trials that wait, with new settings of a sampler's and the first of the seeds.

        While they are drawn they count as running, so that the sampler proposes different ones.

        Returns:
            How many; fewer where the sampler proposes again and again what is there already.
        """
        study = optuna.load_study(study_name=NAME, storage=self._storage, sampler=sampler)
        known = {key_of(trial.setting) for trial in self.trials()}
        drawn: dict[int, Setting] = {}
        for _ in range(DRAWS * count):
            trial = optuna.trial.Trial(study, self._storage.create_new_trial(self._id))
            setting: Setting = {one.key: suggest(trial, one) for one in self.space.dimensions}
            if key_of(setting) in known:
                repeated = {"ended": State.KILLED.value, "reason": "proposed before"}
                self._set(trial.number, TrialState.FAIL, facts=repeated)
                continue
            known.add(key_of(setting))
            drawn[trial.number] = setting
            if len(drawn) == count:
                break
        for number, setting in drawn.items():
            seed = self._first_seed
            facts = {"seed": seed, "run": self._run(number, setting, seed)}
            self._set(number, TrialState.WAITING, facts=facts)
        return len(drawn)

    @property
    def _first_seed(self) -> int | None:
        return self.space.seeds[0] if self.space.seeds else None

    def claim(self, chosen: Sequence[Trial], worker: str) -> None:
        """Note that a worker trains these; to be called alone."""
        for trial in chosen:
            self._set(trial.number, TrialState.RUNNING, facts={"worker": worker})

    def held(self, worker: str) -> set[str]:
        """The runs that a worker trains."""
        mine = (trial for trial in self.trials() if trial.worker == worker)
        return {trial.run for trial in mine if trial.state is State.RUNNING}

    def give_back(self, trials: Sequence[Trial]) -> None:
        """Stopped by a person; they wait for whoever goes on with the sweep."""
        for trial in trials:
            self._set(trial.number, TrialState.WAITING)

    def complete(self, trial: Trial, elbo: float, terms: dict[str, float]) -> None:
        """Trained to the end."""
        self._set(trial.number, TrialState.COMPLETE, elbo, {"terms": terms})

    def prune(self, trial: Trial, elbo: float, terms: dict[str, float]) -> None:
        """Stopped early."""
        self._set(trial.number, TrialState.PRUNED, elbo, {"terms": terms})

    def fail(self, trial: Trial, state: State, reason: str) -> None:
        """Ended without a number."""
        facts = {"ended": state.value, "reason": reason}
        self._set(trial.number, TrialState.FAIL, facts=facts)

    def retry(self, trial: Trial) -> None:
        """Its worker was killed: let another trial go on with its run; to be called alone."""
        reason = f"the worker {trial.worker} was killed"
        if not trial.run:
            self.fail(trial, State.KILLED, "drawn by a process that was killed")
        elif trial.attempt >= ATTEMPTS:
            before = f"and those of {ATTEMPTS - 1} attempts before"
            self.fail(trial, State.FAILED, f"{reason}, {before}")
        else:
            if not any(one.run == trial.run and one.number > trial.number for one in self.every()):
                self.add(trial.setting, trial.seed, trial.run, trial.attempt + 1)
            self.fail(trial, State.KILLED, reason)

    def report(self, trial: Trial, epoch: int, elbo: float) -> None:
        """Note the best ELBO until the end of an epoch."""
        self._storage.set_trial_intermediate_value(self._trial_id(trial.number), epoch, elbo)

    def worse_half(self, epoch: int) -> set[str]:
        """The runs not among the better half, rounded up, of those reported after an epoch."""
        trials = self._storage.get_all_trials(self._id, deepcopy=False)
        reported = [one for one in trials if epoch in one.intermediate_values]
        elbos = {one.user_attrs["run"]: one.intermediate_values[epoch] for one in reported}
        if not elbos:
            return set()
        least = sorted(elbos.values(), reverse=True)[(len(elbos) - 1) // 2]
        return {run for run, elbo in elbos.items() if elbo < least}

    def _run(self, number: int, setting: Setting, seed: int | None) -> str:
        return f"{number:03d}_{self.space.name(setting, seed)}"

    def _set(
        self,
        number: int,
        state: TrialState,
        elbo: float | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        trial = self._trial_id(number)
        for key, value in (facts or {}).items():
            self._storage.set_trial_user_attr(trial, key, value)
        self._storage.set_trial_state_values(trial, state, None if elbo is None else [elbo])

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)


def _mend(path: Path, lock: JournalFileOpenLock) -> None:
    """Drop a last line that a full disk has cut short, before another is put behind it."""
    if read_bytes(path, LONGEST)[-1:] in (b"", b"\n"):
        return
    lock.acquire()
    try:
        with path.open("rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
    finally:
        lock.release()


def distribution(dimension: Listed | Range) -> BaseDistribution:
    """What Optuna calls a dimension."""
    if isinstance(dimension, Listed):
        return CategoricalDistribution(dimension.values)
    if dimension.integer:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def suggest(trial: optuna.trial.Trial, dimension: Listed | Range) -> Value:
    """A value that the sampler chooses."""
    key = dimension.key
    if isinstance(dimension, Listed):
        value: Value = trial.suggest_categorical(key, dimension.values)
        return value
    low, high, log = dimension.low, dimension.high, dimension.log
    if dimension.integer:
        return trial.suggest_int(key, int(low), int(high), log=log)
    return trial.suggest_float(key, low, high, log=log)
