"""Small files that unpack into more than any picture would."""

from pathlib import Path

from vaelab.errors import BadValueError

HARMLESS = 2**26
"""Bytes that anything may unpack into."""
IMAGES = 250
"""To one that images pack: MNIST 5, the black and white sprites of dSprites 120."""
NUMBERS = 50
"""The same of arrays that vaelab writes."""


def refuse_bomb(path: Path, packed: int, unpacked: int, ratio: int = IMAGES) -> None:
    """Refuse to unpack what is both large and packed beyond what is in such files.

    Args:
        path: the file, for the message.
        packed: its bytes as stored.
        unpacked: the bytes its header promises.
        ratio: of the two that is possible.

    Raises:
        BadValueError: more than 64 MiB and more than so many to 1.
    """
    if unpacked > HARMLESS and unpacked > ratio * packed:
        raise BadValueError(
            f"{path}: {packed:,} bytes that promise to unpack into {unpacked:,} are no images but "
            "a decompression bomb; it is left alone"
        )
