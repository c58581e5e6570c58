"""One input and its reconstruction, kept fresh while training."""

from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
import torch

from vaelab.files import make_folder, write_bytes
from vaelab.imaging import png, to_image
from vaelab.networks.network import evaluating
from vaelab.training.callback import Callback

if TYPE_CHECKING:
    from vaelab.training.training import Training

SECONDS = 0.5
SIDE = 128


class Preview(Callback):
    """A picture of the first validation image beside its reconstruction, twice a second at most."""

    def on_start(self, training: "Training") -> None:
        self._drawn = -SECONDS
        split = training.store.valid if len(training.store.valid) else training.store.train
        self._batch = next(training.loader(split.select(np.arange(1))).batches(1))

    @torch.no_grad()
    def on_step(self, training: "Training") -> None:
        if monotonic() - self._drawn < SECONDS:
            return
        self._drawn = monotonic()
        model, batch = training.model, self._batch
        with evaluating(model):
            output = model.reconstruct(batch.x, batch.context).mean
        pair = torch.cat([batch.x, output], dim=3)
        unit = training.pixels.to_unit(pair)[0].permute(1, 2, 0)
        grey = np.rint(unit.float().cpu().numpy() * 255).astype(np.uint8)
        make_folder(training.run.figures)
        write_bytes(training.run.figures / "preview.png", png(to_image(grey, SIDE)))
