"""Someone who watches a training step by step and may change it: the explorer."""

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from vaelab.training.loop import Loop


@runtime_checkable
class Conductor(Protocol):
    """What the training loop tells, and asks, at each step."""

    def begin(self, loop: "Loop") -> None:
        """Training is about to take its first step, or to go on where it was left."""

    def before_step(self, loop: "Loop") -> str | None:
        """A step is next; may wait, may call `loop.change`.

        Returns:
            Why to stop here, in words; None to go on.
        """

    def after_step(self, loop: "Loop") -> None:
        """A step has been taken."""

    def kept(self, loop: "Loop", entry: dict[str, Any]) -> None:
        """A step has been kept in the bundle; `entry` is its place in the manifest's `steps`."""

    def end(self, loop: "Loop", stopped: str | None) -> None:
        """Training is over, or was stopped for this reason; everything is saved."""


class Unattended:
    """Nobody watches."""

    def begin(self, loop: "Loop") -> None:
        """Nothing to do."""

    def before_step(self, loop: "Loop") -> str | None:
        """Go on."""
        return None

    def after_step(self, loop: "Loop") -> None:
        """Nothing to do."""

    def kept(self, loop: "Loop", entry: dict[str, Any]) -> None:
        """Nothing to do."""

    def end(self, loop: "Loop", stopped: str | None) -> None:
        """Nothing to do."""
