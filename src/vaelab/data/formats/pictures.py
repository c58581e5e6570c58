"""One picture file as an array: opened without trust, upright, grey or RGB, eight bits."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from vaelab.data.formats.untrusted import refuse_pickle
from vaelab.errors import BadValueError
from vaelab.files import opened

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")

MAX_PIXELS = 2**26
"""Pixels of a file."""

Picture = UInt8[np.ndarray, "_ _ _"]
Size = tuple[int, int] | None
"""Height and width to scale and crop to; None: as the picture is."""
Channels = Literal[1, 3] | None
"""Grey or colour; None: as the picture is."""
Damaged = Literal["fail", "skip"]
"""What is done about pictures that cannot be read."""


class UnreadablePictureError(BadValueError):
    """A picture that cannot be opened, and why."""

    def __init__(self, where: str, reason: str, advice: str) -> None:
        super().__init__(f"{where}: {reason}; {advice}")
        self.reason = reason


def read_picture(path: str, size: Size = None, channels: Channels = None) -> Picture:
    """The pixels `(h, w, c)` of a PNG, JPEG, WebP, BMP or GIF file.

    Of an animation the first frame is taken. Turned upright as its EXIF data say; what is
    transparent is laid on white; 16-bit grey levels are rounded to 8 bits; palettes and CMYK become
    RGB. It is scaled to cover `size`, height and width, and cropped at the centre. One channel is
    grey (luma of ITU-R 601), three are RGB; None: one if the picture is grey throughout.
    """
    refuse_pickle(Path(path))
    with opened(Path(path), follow=True) as file:
        return decode_picture(file, path, size, channels)


def picture_size(path: str) -> tuple[int, int]:
    """Height and width of a picture, upright, as its first bytes tell."""
    refuse_pickle(Path(path))
    with opened(Path(path), follow=True) as file, _readable(path), _open(file) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        return (image.width, image.height) if turned else (image.height, image.width)


def decode_picture(
    source: BinaryIO | BytesIO, where: str, size: Size, channels: Channels
) -> Picture:
    """As `read_picture`, from an open file, which an UnreadablePictureError calls `where`."""
    with _readable(where), _open(source) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        upright = _eight_bits(image)
    if size is not None:
        upright = ImageOps.fit(upright, (size[1], size[0]), Image.Resampling.LANCZOS)
    if channels is not None:
        upright = upright.convert("L" if channels == 1 else "RGB")
        return np.atleast_3d(np.asarray(upright))
    pixels = np.atleast_3d(np.asarray(upright))
    grey = (pixels == pixels[:, :, :1]).all()
    return pixels[:, :, :1].copy() if grey else pixels


def with_channels(picture: Picture, channels: int) -> Picture:
    """A picture in grey, 1, or in colour, 3."""
    image = Image.fromarray(picture if picture.shape[2] == 3 else picture[:, :, 0])
    return np.atleast_3d(np.asarray(image.convert("L" if channels == 1 else "RGB")))


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """In this block what Pillow says of a file is said in our words."""
    try:
        yield
    except MemoryError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePictureError(
            where, "this is no PNG, JPEG, WebP, BMP or GIF image", "move it elsewhere"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadablePictureError(
            where, f"this image has more pixels than is safe to unpack ({error})",
            "make it smaller or move it elsewhere",
        ) from error  # fmt: skip
    except Exception as error:  # Pillow raises anything on damaged bytes
        raise UnreadablePictureError(
            where, f"this image is damaged or cut short ({error})", "copy it again or remove it"
        ) from error


@contextmanager
def _open(source: BinaryIO | BytesIO) -> Iterator[Image.Image]:
    with Image.open(source, formats=_FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:  # Pillow only warns of somewhat more
            raise Image.DecompressionBombError(
                f"{image.width} x {image.height}, at most {MAX_PIXELS:,}"
            )
        yield image


def _eight_bits(image: Image.Image) -> Image.Image:
    """The image in mode L or RGB."""
    if image.mode.startswith("I"):  # 16-bit grey
        levels = np.asarray(image, np.float32)
        clear = levels == image.info.get("transparency", -1)
        return Image.fromarray(np.where(clear, 255, np.rint(levels / 257)).astype(np.uint8))
    if image.has_transparency_data:
        pixels, white = image.convert("RGBA"), Image.new("RGB", image.size, "white")
        white.paste(pixels, mask=pixels)
        return white
    return image.convert("L" if image.mode in ("1", "L") else "RGB")
