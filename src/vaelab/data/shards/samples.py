"""The samples of a tar file: neighbouring members of one name, opened without trust.

Members are read into memory and nothing is ever unpacked to disk, so that paths, links and devices
in the archive can do no harm.
"""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from vaelab.errors import BadValueError

PICTURES = frozenset({"png", "jpg", "jpeg", "webp", "bmp"})
"""Endings of what is read as a picture."""
LABEL = "cls"
"""Ending of what is read as the class."""
LARGEST = {"picture": 2**28, LABEL: 2**10}
"""Bytes of a member, at most."""

# the rule of WebDataset: a name up to the first dot that follows its folders, then an ending
_NAME = re.compile(r"(?:\./)*((?:.*/|)[^.]+)[.]([^/]*)")


class BrokenShardError(BadValueError):
    """A tar file that cannot be read any further."""


class BadSampleError(BadValueError):
    """A sample that is not one picture with at most one class."""


@dataclass(frozen=True, eq=False)
class Packed:
    """A sample as it lies in the archive.

    Attributes:
        key: name of its members, without ending.
        members: by ending, in lower case; those of one ending in their order.
    """

    archive: tarfile.TarFile
    key: str
    members: dict[str, list[tarfile.TarInfo]] = field(default_factory=dict)

    def picture(self) -> bytes:
        """The file of its picture.

        Raises:
            BadSampleError: none, several, or a file that cannot be read.
        """
        endings = [ending for ending in self.members if ending in PICTURES]
        if len(endings) != 1:
            many = "there are several pictures" if endings else "there is no picture"
            raise BadSampleError(f"{many}; its files are {', '.join(self.members)}")
        return self._content(endings[0], "picture")

    def label(self) -> str:
        """The class as it is written, numbers without leading zeros; nothing where none is.

        Raises:
            BadSampleError: several, or no text.
        """
        if LABEL not in self.members:
            return ""
        try:
            text = self._content(LABEL, LABEL).decode().strip()
        except UnicodeDecodeError as error:
            raise BadSampleError(".cls is no text in UTF-8") from error
        if not text or not text.isprintable():
            raise BadSampleError(".cls is empty or no line of text")
        return str(int(text)) if text.isascii() and text.isdigit() else text

    def _content(self, ending: str, kind: str) -> bytes:
        if len(self.members[ending]) > 1:
            raise BadSampleError(f"there are several files .{ending}")
        (member,) = self.members[ending]
        if member.size > LARGEST[kind] or member.issparse():
            raise BadSampleError(
                f".{ending} has {member.size:,} bytes; a {kind} has at most {LARGEST[kind]:,}"
            )
        try:
            file = self.archive.extractfile(member)
            content = b"" if file is None else file.read()
        except Exception as error:
            raise BadSampleError(f".{ending} cannot be read ({error})") from error
        return content


def packed(file: IO[bytes]) -> Iterator[Packed]:
    """The samples of a tar file in their order; each is to be read before the next.

    Raises:
        BrokenShardError: no tar file, or it breaks off; the samples before that have been given.
    """
    sample: Packed | None = None
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            while (member := archive.next()) is not None:
                # it would remember every one
                archive.members.clear()  # type: ignore[attr-defined]
                if member.size < 0:
                    raise BrokenShardError("a member has less than no bytes")
                name = _NAME.fullmatch(member.name)
                if name is None or not member.isreg():
                    continue
                key, ending = name[1], name[2].lower()
                if sample is None or sample.key != _printable(key):
                    if sample is not None:
                        yield sample
                    sample = Packed(archive, _printable(key))
                sample.members.setdefault(ending, []).append(member)
            # it stops without a word where a header makes no sense
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                raise BrokenShardError("it breaks off before the end mark of a tar file")
            if sample is not None:
                yield sample
    except BrokenShardError:
        raise
    except Exception as error:  # tarfile raises anything on damaged headers
        raise BrokenShardError(
            f"this is no whole tar file ({str(error) or type(error).__name__})"
        ) from error


def _printable(key: str) -> str:
    return key if key.isprintable() else ascii(key)[1:-1]
