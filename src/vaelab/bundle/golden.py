"""Golden pairs: what PyTorch computes from the weights as they are saved."""

from base64 import b64encode
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaelab.bundle.images import BundleImages, spread
from vaelab.bundle.interpret import interpret
from vaelab.bundle.lowering import Lowered
from vaelab.data.feed import class_context
from vaelab.randomness import Purpose, generator

DECODED = 8
ENCODED = 4


def golden_pairs(
    lowered: Lowered, half: np.ndarray, images: BundleImages, latent: int
) -> dict[str, Any]:
    """Codes with their images and images with their codes.

    Args:
        lowered: the graphs.
        half: the weights, rounded to float16.
        images: the encoder's are taken from them.
        latent: dimension of the code.

    Returns:
        `decode` and `encode` of a manifest's `golden`.
    """
    weights = torch.from_numpy(half.astype(np.float32))
    z = torch.randn(DECODED, latent, generator=generator(0, Purpose.EVALUATION, 9))
    classes = torch.arange(DECODED) % max(1, images.classes)
    given = {"z": z.float(), "class": _context(classes, images.classes)}
    outputs = interpret(lowered.decoder, weights, given)["mean"]
    read = "class" in lowered.decoder.inputs
    decode = [
        {
            "z": one.tolist(),
            "class": int(label) if read else None,
            "image": b64encode(output.numpy().astype("<f4").tobytes()).decode(),
        }
        for one, label, output in zip(z, classes, outputs, strict=True)
    ]

    chosen = spread(images.count, min(ENCODED, images.count))
    whole = next(images.feed.batches(images.count))
    index = torch.from_numpy(chosen).to(images.device)
    x = images.pixels.of_picture(whole.x[index].float().cpu())
    labels = whole.labels[index].cpu()
    given = {"x": x, "class": _context(labels, images.classes)}
    codes = interpret(lowered.encoder, weights, given)
    read = "class" in lowered.encoder.inputs
    encode = [
        {
            "image": int(image),
            "class": int(label) if read else None,
            "loc": loc.tolist(),
            "scale": scale.tolist(),
        }
        for image, label, loc, scale in zip(
            chosen, labels, codes["loc"], codes["scale"], strict=True
        )
    ]
    return {"decode": decode, "encode": encode}


def _context(labels: Tensor, classes: int) -> Tensor:
    context = class_context(labels, classes)
    return torch.zeros(len(labels), 0) if context is None else context.float()
