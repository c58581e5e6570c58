"""One picture file as an array: opened without trust, upright, grey or RGB, eight bits."""

from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from vaelab.data.pickles import refuse_pickle
from vaelab.errors import BadValueError, MissingFileError

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")

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
            Pillow's limit.
    """
    refuse_pickle(Path(path))
    try:
        return decode_picture(path, path, size, channels)
    except FileNotFoundError as error:
        raise MissingFileError(f"there is no file {path}") from error


def decode_picture(
    source: str | BytesIO,
    where: str,
    size: tuple[int, int] | None = None,
    channels: Literal[1, 3] | None = None,
) -> Picture:
    """As `read_picture`, from a path or the content of a file.

    Raises:
        UnreadablePictureError: as there; the message begins with `where`.
        FileNotFoundError: there is no file at the path.
    """
    try:
        with Image.open(source, formats=_FORMATS) as image:
            _refuse_bomb(image)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            upright = _eight_bits(image)
    except (FileNotFoundError, MemoryError):
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


def _refuse_bomb(image: Image.Image) -> None:
    """Refuse what Pillow only warns of; filters of warnings are shared by all threads."""
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and image.width * image.height > most:
        raise Image.DecompressionBombError(f"{image.width} x {image.height}, at most {most:,}")


def _eight_bits(image: Image.Image) -> Image.Image:
    """The image in mode L or RGB."""
    if image.mode.startswith("I"):  # 16-bit grey
        return Image.fromarray(np.rint(np.asarray(image) / 257).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        pixels = image.convert("RGBA")
        white = Image.new("RGBA", pixels.size, "white")
        return Image.alpha_composite(white, pixels).convert("RGB")
    return _in_mode(image, "L" if image.mode in ("1", "L") else "RGB")


def _in_mode(image: Image.Image, mode: Literal["L", "RGB"]) -> Image.Image:
    """The image itself if it has the mode already; `convert` would copy it."""
    return image if image.mode == mode else image.convert(mode)


def _as_array(image: Image.Image, channels: Literal[1, 3] | None) -> Picture:
    if channels is not None:
        image = _in_mode(image, "L" if channels == 1 else "RGB")
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        return pixels[:, :, None]
    grey = channels is None and (pixels == pixels[:, :, :1]).all()
    return pixels[:, :, :1].copy() if grey else pixels
