"""A trial: one run of a sweep, and how far it is."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from optuna.trial import FrozenTrial, TrialState
from pydantic import BaseModel, Field

from vaelab.experiment import FolderName
from vaelab.records import Finite
from vaelab.sweep.space import Setting


class State(StrEnum):
    """How far a trial is."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    """Stopped early, in the worse half of those that had come as far."""
    DIVERGED = "diverged"
    KILLED = "killed"
    """Its worker ended without a word; another trial with the same run goes on."""
    FAILED = "failed"


GOING = (State.WAITING, State.RUNNING)
"""Not ended."""
STATES = {
    TrialState.WAITING: State.WAITING,
    TrialState.RUNNING: State.RUNNING,
    TrialState.COMPLETE: State.COMPLETE,
    TrialState.PRUNED: State.PRUNED,
    TrialState.FAIL: State.FAILED,
}


class Facts(BaseModel):
    """What the journal notes of a trial besides what Optuna knows of any."""

    run: Literal[""] | FolderName = ""
    ended: State | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    attempt: Annotated[int, Field(ge=1)] = 1
    worker: str = ""
    terms: dict[str, Finite] = Field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Trial:
    """A run of the sweep.

    Attributes:
        number: in the journal.
        run: name of its folder; empty while it is only a proposal of the sampler.
        state: how far it is.
        setting: its value of each swept key.
        seed: of its training, where seeds are swept.
        attempt: 1, and more after its worker was killed.
        worker: who trains it.
        elbo: the validation ELBO at beta 1 of the weights kept, nats per image, once it is complete
            or pruned.
        terms: `distortion` and `rate` of that epoch, nats per image, and the `epoch`.
        reason: why it failed.
    """

    number: int
    run: str
    state: State
    setting: Setting
    seed: int | None
    attempt: int = 1
    worker: str = ""
    elbo: float | None = None
    terms: dict[str, float] = field(default_factory=dict)
    reason: str = ""

    @classmethod
    def of(cls, frozen: FrozenTrial) -> "Trial":
        """What Optuna has of it.

        Raises:
            ValidationError: it cannot be of a sweep.
        """
        facts = Facts.model_validate(frozen.user_attrs)
        return cls(
            frozen.number, facts.run, facts.ended or STATES[frozen.state], frozen.params,
            facts.seed, facts.attempt, facts.worker, frozen.value, facts.terms, facts.reason,
        )  # fmt: skip
