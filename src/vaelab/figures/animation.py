"""Films, as GIFs."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vaelab.files import write_whole

COLORS = 96
"""Fewer than a GIF may have: small files, and hardly seen."""


def write_gif(
    path: Path,
    frames: Iterable[UInt8[np.ndarray, "h w c"]],
    milliseconds: Sequence[int],
    sample: UInt8[np.ndarray, "H W c"],
) -> Path:
    """Write a film that runs for ever.

    Args:
        path: where to.
        frames: `(h, w, 1)` or `(h, w, 3)`; only one is held at a time in full colour.
        milliseconds: how long each frame stands.
        sample: pixels with the colours of all frames; one palette, chosen on them, keeps colours
            from flickering.
    """
    palette = _image(sample).quantize(COLORS, Image.Quantize.MAXCOVERAGE)

    def reduced() -> Iterator[Image.Image]:
        for frame in frames:
            yield _image(frame).quantize(palette=palette, dither=Image.Dither.NONE)

    rest = reduced()
    first = next(rest)
    return write_whole(
        path,
        lambda file: first.save(
            file, "gif", save_all=True, append_images=rest, duration=list(milliseconds), loop=0
        ),
    )


def _image(pixels: UInt8[np.ndarray, "h w c"]) -> Image.Image:
    height, width, _ = pixels.shape
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(pixels, (height, width, 3))))
