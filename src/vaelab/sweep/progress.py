"""How far a run is, and how it ended, read from its folder."""

from dataclasses import dataclass

from vaelab.errors import UserError
from vaelab.run import Run
from vaelab.training.checkpoint import read_progress


@dataclass(frozen=True)
class Reached:
    """Epochs that are saved, and the validation ELBO of the weights kept, nats per image."""

    epoch: int
    elbo: float | None


def reached(run: Run) -> Reached:
    """How far a run is that may be under training."""
    try:
        progress = read_progress(run.resume_path)
    except (UserError, OSError):  # nothing is saved yet
        return Reached(0, None)
    return Reached(progress.epoch, progress.best_elbo)


def ended(run: Run) -> tuple[float, dict[str, float]]:
    """The validation ELBO of the weights kept, nats per image, and the terms of their epoch."""
    progress = read_progress(run.resume_path)
    rows = [row for row in run.metrics() if row["split"] == "valid"]
    best = next(row for row in rows if row["epoch"] == progress.best_epoch)
    terms = {name: float(best[f"{name}_nats"]) for name in ("distortion", "rate")}
    return float(best["elbo_nats"]), {**terms, "epoch": progress.best_epoch}
