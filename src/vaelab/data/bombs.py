"""Small files that unpack into more than any picture would."""

from pathlib import Path

from vaelab.errors import BadValueError


def refuse_bomb(path: Path, packed: int, unpacked: int) -> None:
    """Refuse to unpack what is both huge and packed beyond what images can be.

    Real sets stay far below: MNIST packs 5 to 1, the black and white sprites of dSprites 120 to 1.

    Args:
        path: the file, for the message.
        packed: its bytes as stored.
        unpacked: the bytes its header promises.

    Raises:
        BadValueError: more than a GiB and more than 500 to 1.
    """
    if unpacked > 2**30 and unpacked > 500 * packed:
        raise BadValueError(
            f"{path}: {packed} bytes that promise to unpack into {unpacked} are no images but a "
            "decompression bomb; it is left alone"
        )
