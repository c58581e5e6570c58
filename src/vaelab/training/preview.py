"""One input and its reconstruction, kept fresh while training."""

from io import BytesIO
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from PIL import Image

from vaelab.data.feed import Feed
from vaelab.files import make_folder, write_bytes
from vaelab.models import LatentVariableModel

SECONDS = 0.5
SIDE = 128


class Preview:
    """A picture of the first image of a feed beside its reconstruction, twice a second at most.

    Args:
        path: of the PNG.
        model: being trained; its mode is put back after each picture.
        feed: whose first image is shown.
    """

    def __init__(self, path: Path, model: LatentVariableModel, feed: Feed) -> None:
        self.path = path
        self.model = model
        self.pixels = feed.pixels
        self.batch = next(feed.batches(1))
        self.drawn = -SECONDS

    @torch.no_grad()
    def refresh(self) -> None:
        """Draw, unless that was done a moment ago."""
        if monotonic() - self.drawn < SECONDS:
            return
        self.drawn = monotonic()
        training = self.model.training
        self.model.eval()
        output = self.model.reconstruct(self.batch.x, self.batch.context).mean
        self.model.train(training)
        pair = torch.cat([self.batch.x, output], dim=3)
        unit = self.pixels.to_unit(pair)[0].permute(1, 2, 0)
        grey = np.rint(unit.float().cpu().numpy() * 255).astype(np.uint8)
        image = Image.fromarray(grey[:, :, 0] if grey.shape[2] == 1 else grey)
        factor = max(1, SIDE // image.height)
        image = image.resize(
            (image.width * factor, image.height * factor), Image.Resampling.NEAREST
        )
        buffer = BytesIO()
        image.save(buffer, format="PNG")
        make_folder(self.path.parent)
        write_bytes(self.path, buffer.getvalue())
