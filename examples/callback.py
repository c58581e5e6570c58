"""A callback of your own: somebody who watches a training.

python examples/callback.py
"""

from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

import vaelab


class Moves(vaelab.Callback):
    """How far the codes of some images move from one epoch to the next."""

    def __init__(self, images: np.ndarray) -> None:
        self.images: Any = images
        self.moved: list[float] = []

    def on_start(self, training: vaelab.Training) -> None:
        """Before the first step."""
        self.before = self.codes(training)

    def on_epoch(self, training: vaelab.Training) -> None:
        """After every epoch, validated and logged."""
        now = self.codes(training)
        self.moved.append((now - self.before).norm(dim=1).mean().item())
        self.before = now
        print(f"epoch {training.progress.epoch}: codes have moved by {self.moved[-1]:.3f}")

    def codes(self, training: vaelab.Training) -> torch.Tensor:
        """The means of q(z|x); the model is left in training mode, as it came."""
        model = training.model
        if not isinstance(model, vaelab.VAE):
            raise TypeError("Moves watches codes that are one vector: a vaelab.VAE")
        codes: torch.Tensor = model.eval().encode(self.images).mean
        model.train()
        return codes


def main() -> None:
    """Train on the digits that come with scikit-learn."""
    x = (load_digits().images * 255 / 16).astype(np.uint8)
    vaelab.fit("vae", data=x, epochs=5, callbacks=[Moves(x[:100])], name="moves", overwrite=True)


if __name__ == "__main__":
    main()
