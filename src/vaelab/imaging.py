"""Arrays of pixels as pictures: PNG and GIF, grey or colour."""

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vaelab.files import write_whole

GIF_COLORS = 96
"""Fewer than a GIF may have: small files, and hardly seen."""


def to_image(pixels: UInt8[np.ndarray, "h w c"], height: int = 0) -> Image.Image:
    """One channel as grey, three as colour; enlarged by a whole factor towards `height`."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    factor = max(1, height // image.height)
    if factor == 1:
        return image
    size = (image.width * factor, image.height * factor)
    return image.resize(size, Image.Resampling.NEAREST)


def png(picture: UInt8[np.ndarray, "h w c"] | Image.Image) -> bytes:
    """The bytes of a PNG file."""
    buffer = BytesIO()
    image = picture if isinstance(picture, Image.Image) else to_image(picture)
    image.save(buffer, "png")
    return buffer.getvalue()


def write_gif(
    path: Path,
    frames: Iterable[UInt8[np.ndarray, "h w c"]],
    milliseconds: Sequence[int],
    sample: UInt8[np.ndarray, "H W c"],
) -> Path:
    """Write a film that runs for ever, holding one frame at a time in full colour.

    One palette, chosen on a sample with the colours of all frames, keeps colours from flickering.
    """
    palette = to_image(sample).convert("RGB").quantize(GIF_COLORS, Image.Quantize.MAXCOVERAGE)

    def reduced() -> Iterator[Image.Image]:
        for frame in frames:
            colours = to_image(frame).convert("RGB")
            yield colours.quantize(palette=palette, dither=Image.Dither.NONE)

    rest = reduced()
    first = next(rest)
    return write_whole(
        path,
        lambda file: first.save(
            file, "gif", save_all=True, append_images=rest, duration=list(milliseconds), loop=0
        ),
    )
