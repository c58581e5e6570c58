"""Writing metrics.jsonl: rows at the end, on the disk before a checkpoint counts on them."""

import json
import os
from collections.abc import Iterable

from vaelab.files import storing, write_text
from vaelab.runs.records import Row
from vaelab.runs.run import Run


def append(run: Run, rows: Iterable[Row]) -> None:
    """Add rows."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    with storing(run.metrics_path), run.metrics_path.open("a", encoding="utf-8") as file:
        file.write(text)


def sync(run: Run) -> int:
    """See to it that the rows survive a power cut; the length of the file in bytes."""
    with storing(run.metrics_path), run.metrics_path.open("ab") as file:
        os.fsync(file.fileno())
        return file.tell()


def rewind(run: Run, step: int, length: int | None) -> bool:
    """Drop the rows that a checkpoint does not know and that are about to be made again.

    Whether rows of before it are missing, by the length of the file when it was saved.
    """
    kept = "".join(json.dumps(row) + "\n" for row in run.metrics() if row["step"] <= step)
    path = run.metrics_path
    if not path.is_file() or len(kept) != path.stat().st_size:
        write_text(path, kept)
    return length is not None and len(kept) < length
