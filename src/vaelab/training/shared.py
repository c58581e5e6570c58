"""What it takes for several processes to train one model as one process would."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from uuid import uuid4

from torch import nn

from vaelab.config import to_yaml
from vaelab.distributed.join import join
from vaelab.distributed.seat import Seat
from vaelab.distributed.world import World
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.experiment import Experiment, TrainingConfig
from vaelab.files import write_text
from vaelab.likelihoods.optimal_gaussian import OptimalGaussian
from vaelab.models.codebook import Codebook
from vaelab.networks.network import Network
from vaelab.priors.vamp import VampPrior
from vaelab.run import Run
from vaelab.training.precision import choose_place

APPEARING = 5
"""Seconds after which a file on a shared disk shows."""


@contextmanager
def sharing(seat: Seat | None, config: TrainingConfig, timeout: float) -> Iterator[World]:
    """The processes that share every batch: those this one has a seat among, else it alone.

    Args:
        seat: of this process.
        config: says on which devices.
        timeout: seconds to wait for the others.

    Raises:
        UserError: there is no device for this process, or the others do not come.
    """
    if seat is None:
        yield World()
        return
    place = choose_place(config, seat.local_rank)
    with join(seat, place.device, timeout) as world:
        yield world


def check_shared(experiments: Sequence[Experiment], processes: int) -> None:
    """Refuse batches that processes cannot share.

    Raises:
        BadValueError: the batch cannot be divided.
        BadCombinationError: there are several runs.
    """
    if processes == 1:
        return
    if len(experiments) > 1:
        raise BadCombinationError(
            f"{len(experiments)} runs trained together are one process's work, and there are "
            f"{processes}; use training.replicas=1, or one process"
        )
    size = experiments[0].training.batch_size
    if size % processes:
        below, above = size - size % processes, size - size % processes + processes
        nearest = " or ".join(str(near) for near in (below, above) if near)
        raise BadValueError(
            f"training.batch_size is {size}, which {processes} processes cannot share evenly; the "
            f"nearest that they can: {nearest}"
        )


def facts(experiments: Sequence[Experiment], paths: Sequence[Path], data: str) -> dict[str, str]:
    """Checksums of what every process must have been given alike.

    Args:
        experiments: what is to be trained.
        paths: their directories.
        data: checksum of the images.
    """
    saved = [Run(path).resume_path for path in paths if Run.exists(path)]
    return {
        "config": _digest([to_yaml(one).encode() for one in experiments]),
        "data": data,
        "saved run": _digest([path.read_bytes() for path in saved if path.is_file()]),
    }


def check_folder(folder: Path, world: World) -> None:
    """Refuse a folder of runs that is not one and the same for all processes.

    Raises:
        BadCombinationError: with the ranks for which it is another.
        StorageError: it cannot be written.
    """
    mark = folder / f".mark-{uuid4().hex}"
    if world.leads:
        write_text(mark, "", parents=True)
    try:
        seen = folder / world.tell(mark.name)[0]
        world.agree({"folder of runs": str(_appears(seen))})
    finally:
        if world.leads:
            mark.unlink()


def _appears(path: Path) -> bool:
    """Whether a file is there; on a disk of the network it may take a moment."""
    for _ in range(APPEARING):
        if path.parent.is_dir() and path.name in os.listdir(path.parent):
            return True
        sleep(1)
    return False


def synchronise(model: nn.Module, world: World) -> None:
    """Let what follows the whole batch follow that of all processes."""
    if world.size == 1:
        return
    for module in list(model.modules()):
        if isinstance(module, Network):
            module.synchronise(world)
        if isinstance(module, Codebook | OptimalGaussian | VampPrior):
            module.world = world


def _digest(parts: Sequence[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
