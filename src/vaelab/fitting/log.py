"""What is noted of a fit, pass by pass."""

from collections.abc import Mapping

from vaelab.console import Console
from vaelab.metrics import Number
from vaelab.records import Row


class Log:
    """Rows of metrics.jsonl, and lines on a console.

    Args:
        console: where to.
        epochs: passes at most.
        before: by split, the numbers with the former prior, whose distortion stays.

    Attributes:
        rows: so far; at epoch 0 those of the former prior.
    """

    def __init__(
        self, console: Console, epochs: int, before: Mapping[str, Mapping[str, Number]]
    ) -> None:
        self._console, self._epochs, self._before = console, epochs, before
        self.rows: list[Row] = []
        self._note(0, 0, {split: one["rate_nats"].value for split, one in before.items()})

    def __call__(self, step: int, epoch: int, rates: Mapping[str, float]) -> None:
        """A pass is over.

        Args:
            step: steps in all.
            epoch: passes in all.
            rates: the mean rate of each split, nats.
        """
        self._note(step, epoch, rates)
        last = self.rows[-1]
        if epoch % max(1, self._epochs // 20) == 0 or epoch == self._epochs:
            self._console.print(
                f"epoch {epoch:>3}/{self._epochs}  {last['split']}: "
                f"rate {last['rate_nats']:.2f}  elbo {last['elbo_nats']:.2f} nats",
                highlight=False,
            )

    def _note(self, step: int, epoch: int, rates: Mapping[str, float]) -> None:
        for split, rate in rates.items():
            distortion = self._before[split]["distortion_nats"].value
            self.rows.append({
                "step": step, "epoch": epoch, "split": split, "distortion_nats": distortion,
                "rate_nats": rate, "elbo_nats": -distortion - rate,
            })  # fmt: skip
