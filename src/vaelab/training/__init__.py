"""Training: one loop, its run directory, and what it needs to go on."""

from vaelab.training.callback import Callback, CallbackError
from vaelab.training.interrupt import interruptible
from vaelab.training.loop import DivergedRunError
from vaelab.training.replicas import check_alike, replicas
from vaelab.training.start import Start, notes_to_resume
from vaelab.training.train import Outcome, build_model, train, train_together
from vaelab.training.training import Training

__all__ = [
    "Callback",
    "CallbackError",
    "DivergedRunError",
    "Outcome",
    "Start",
    "Training",
    "build_model",
    "check_alike",
    "interruptible",
    "notes_to_resume",
    "replicas",
    "train",
    "train_together",
]
