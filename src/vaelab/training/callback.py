"""What a training calls between its steps."""

from typing import TYPE_CHECKING

from vaelab.errors import UserError
from vaelab.runs.records import Row

if TYPE_CHECKING:
    from vaelab.training.training import Training


class Callback:
    """Something that watches a training, or changes it; a method not overridden does nothing.

    All methods are called on the thread that trains, in the main process alone where there are
    several, and training waits until they return: long work belongs on another thread. `training`
    has `run`, `model`, `store`, `progress.step`, `progress.epoch`, `steps_per_epoch` and `latest`,
    the last terms read, nats per image. `training.change(beta=..., learning_rate=...)` sets
    something from the next step on and notes it in the run's config, so that the run can be
    repeated; `training.stop(reason)` ends the training before its next step, saved and ready to go
    on. Who evaluates the model puts its mode back (`training.model.train()`) and leaves PyTorch's
    global random numbers alone. Where several runs are trained together, each method is called for
    one run after the other. Callbacks are called in their order, `before_step` in the reverse of
    it. An exception is reported with the callback's name; the run is saved.
    """

    def on_start(self, training: "Training") -> None:
        """Before the first step, or the first one after going on."""

    def before_step(self, training: "Training") -> None:
        """Before each step; may wait."""

    def on_step(self, training: "Training") -> None:
        """After each step; after the last of an epoch once `on_epoch` has been called."""

    def on_log(self, training: "Training", row: Row) -> None:
        """After a row has been added to metrics.jsonl."""

    def on_epoch(self, training: "Training") -> None:
        """After an epoch: it is validated, and its weights are kept if they are the best.

        They are on the disk when the run is saved next, within two seconds.
        """

    def on_stop(self, training: "Training") -> None:
        """At the end; `training.stopped` says why if it came before the last epoch's.

        Not called where training ends by an error.
        """


class CallbackError(UserError):
    """A callback that raised; the run is saved."""

    def __init__(
        self, callback: Callback, hook: str, training: "Training", error: Exception
    ) -> None:
        path = training.run.path
        super().__init__(
            f"{type(callback).__name__}.{hook} failed after step {training.progress.step:,} of "
            f"{path}: {type(error).__name__}: {error}; the run is saved, and "
            f"`vaelab train {training.run.typed} --resume` goes on with it"
        )
