"""One picture file as an array: opened without trust, upright, grey or RGB, eight bits."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from vaelab.data.pickles import refuse_pickle
from vaelab.errors import BadValueError
from vaelab.files import opened

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")

LARGEST = 2**26
"""Pixels of a file."""
STRIP = 2**22
"""Pixels that are changed at once."""

Picture = UInt8[np.ndarray, "_ _ _"]


class UnreadablePictureError(BadValueError):
    """A picture that cannot be opened, and why."""

    def __init__(self, where: str, reason: str, advice: str) -> None:
        super().__init__(f"{where}: {reason}; {advice}")
        self.reason = reason


def read_picture(
    path: str, size: tuple[int, int] | None = None, channels: Literal[1, 3] | None = None
) -> Picture:
    """Read a PNG, JPEG, WebP or BMP file.

    Turned upright as its EXIF data say; what is transparent is laid on white; 16-bit grey levels
    are rounded to 8 bits; palettes and CMYK become RGB.

    Args:
        path: the file.
        size: height and width; the picture is scaled to cover them and cropped at the centre.
        channels: 1 for grey (luma of ITU-R 601), 3 for RGB; None: 1 if the picture is grey
            throughout, else 3.

    Returns:
        Pixels `(h, w, c)`.

    Raises:
        BadValueError: a pickle, no such picture, one cut short, or one of more pixels than
            are safe to unpack.
    """
    refuse_pickle(Path(path))
    with opened(Path(path), follow=True) as file:
        return decode_picture(file, path, size, channels)


def decode_picture(
    source: BinaryIO | BytesIO,
    where: str,
    size: tuple[int, int] | None = None,
    channels: Literal[1, 3] | None = None,
) -> Picture:
    """As `read_picture`, from an open file.

    Raises:
        UnreadablePictureError: as there; the message begins with `where`.
    """
    try:
        upright = _upright(source)
    except MemoryError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePictureError(
            where, "this is no PNG, JPEG, WebP or BMP image", "move it out of the folder"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadablePictureError(
            where, f"this image has more pixels than is safe to unpack ({error})",
            "make it smaller or move it out of the folder",
        ) from error  # fmt: skip
    except Exception as error:  # Pillow raises anything on damaged bytes
        raise UnreadablePictureError(
            where, f"this image is damaged or cut short ({error})", "copy it again or remove it"
        ) from error
    if size is not None:
        upright = ImageOps.fit(upright, (size[1], size[0]), Image.Resampling.LANCZOS)
    return _as_array(upright, channels)


def _upright(source: BinaryIO | BytesIO) -> Image.Image:
    """The picture in mode L or RGB; whatever else it took to make it is given back."""
    with Image.open(source, formats=_FORMATS) as image:
        _refuse_bomb(image)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _eight_bits(image)


def _refuse_bomb(image: Image.Image) -> None:
    """Refuse what would fill the memory; Pillow only warns of somewhat more."""
    if image.width * image.height > LARGEST:
        raise Image.DecompressionBombError(f"{image.width} x {image.height}, at most {LARGEST:,}")


def _eight_bits(image: Image.Image) -> Image.Image:
    """The image in mode L or RGB."""
    if image.mode.startswith("I"):
        return _in_strips(image, "L", _rounded)
    if image.has_transparency_data:
        return _in_strips(image, "RGB", _on_white)
    return _in_mode(image, "L" if image.mode in ("1", "L") else "RGB")


def _rounded(grey: Image.Image) -> Image.Image:
    """16-bit grey."""
    return Image.fromarray(np.rint(np.asarray(grey) / 257).clip(0, 255).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    pixels = image.convert("RGBA")
    white = Image.new("RGBA", pixels.size, "white")
    return Image.alpha_composite(white, pixels).convert("RGB")


def _in_strips(
    image: Image.Image, mode: str, change: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """A changed image, for which no other of the same size is needed."""
    changed = Image.new(mode, image.size)
    step = max(1, STRIP // image.width)
    for top in range(0, image.height, step):
        box = (0, top, image.width, min(top + step, image.height))
        changed.paste(change(image.crop(box)), box)
    return changed


def _in_mode(image: Image.Image, mode: Literal["L", "RGB"]) -> Image.Image:
    """The image itself if it has the mode already; `convert` would copy it."""
    return image if image.mode == mode else image.convert(mode)


def _as_array(image: Image.Image, channels: Literal[1, 3] | None) -> Picture:
    if channels is not None:
        image = _in_mode(image, "L" if channels == 1 else "RGB")
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        return pixels[:, :, None]
    if channels is None and _is_grey(pixels):
        return pixels[:, :, :1].copy()
    return pixels


def _is_grey(pixels: Picture) -> bool:
    step = max(1, STRIP // pixels.shape[1])
    strips = (pixels[top : top + step] for top in range(0, len(pixels), step))
    return all((strip == strip[:, :, :1]).all() for strip in strips)
