"""What it takes for several processes to train one model as one process would."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from time import sleep
from uuid import uuid4

from vaelab.config import to_yaml
from vaelab.distributed import all_gather_text, check_same, is_main, size
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.experiment import Experiment
from vaelab.files import write_text
from vaelab.runs.run import Run

APPEARING = 5
"""Seconds after which a file on a shared disk shows."""


def check_shared(experiments: Sequence[Experiment]) -> None:
    """Refuse batches that processes cannot share."""
    processes = size()
    if processes == 1:
        return
    if len(experiments) > 1:
        raise BadCombinationError(
            f"{len(experiments)} runs trained together are one process's work, and there are "
            f"{processes}; use training.replicas=1, or one process"
        )
    batch = experiments[0].training.batch_size
    if batch % processes:
        below = batch - batch % processes
        above = below + processes
        nearest = " or ".join(str(near) for near in (below, above) if near)
        raise BadValueError(
            f"training.batch_size is {batch}, which {processes} processes cannot share evenly; the "
            f"nearest that they can: {nearest}"
        )


def facts(experiments: Sequence[Experiment], paths: Sequence[Path], data: str) -> dict[str, str]:
    """Checksums of what every process must have been given alike."""
    saved = [Run(path).resume_path for path in paths if Run.exists(path)]
    return {
        "config": _digest([to_yaml(one).encode() for one in experiments]),
        "data": data,
        "saved run": _digest([path.read_bytes() for path in saved if path.is_file()]),
    }


def check_folder(folder: Path) -> None:
    """Refuse a folder of runs that is not one and the same for all processes."""
    mark = folder / f".mark-{uuid4().hex}"
    if is_main():
        write_text(mark, "", parents=True)
    try:
        seen = folder / all_gather_text(mark.name)[0]
        check_same({"folder of runs": str(_appears(seen))})
    finally:
        if is_main():
            mark.unlink()


def _appears(path: Path) -> bool:
    """Whether a file is there; on a disk of the network it may take a moment."""
    for _ in range(APPEARING):
        if path.parent.is_dir() and path.name in os.listdir(path.parent):
            return True
        sleep(1)
    return False


def _digest(parts: Sequence[bytes]) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()
