"""Several processes that train one model; on one, every function is the identity.

torchrun starts them, as `vaelab train --devices N` does; torch.distributed does the talking. All
call the same functions in the same order. What couples the images of a batch (a batch norm, a
codebook, some objectives) asks here for what the whole batch has, on one process as on many.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor

from vaelab.errors import BadCombinationError, BadValueError, UserError

MAX_WAIT = timedelta(days=1)
"""How long the others wait while one downloads, draws or saves; one that has died ends the wait."""

LAUNCHER = "VAELAB_LAUNCHER"
"""In the environment of processes that `vaelab train --devices N` starts: its process number."""


class LostProcessError(UserError):
    """Another process is gone, and training cannot go on without it: that one says why."""

    exit_code = 3


@dataclass(frozen=True)
class BatchSlice:
    """The images of a batch that this process has: `images` from number `first` on, of `size`.

    A process that has none, of a batch smaller than the number of processes, computes one image
    that counts for nothing, so that it takes part in what all do together.
    """

    first: int
    images: int
    size: int

    @property
    def fraction(self) -> float:
        """Which part of the batch it is."""
        return self.images / self.size


_SLICE: ContextVar[BatchSlice | None] = ContextVar("batch_slice", default=None)


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """In this block this process is one of those that torchrun has started, if it has."""
    if not is_launched():
        yield
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    joined = threading.Event()
    threading.Thread(target=_end_with_launcher, args=(joined,), daemon=True).start()
    try:
        dist.init_process_group(
            backend, timeout=MAX_WAIT, device_id=device if device.type == "cuda" else None
        )
    except (ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise BadValueError(
            f"this process cannot join the others ({reason}); start all of them with "
            "`vaelab train --devices N` or torchrun, and let GLOO_SOCKET_IFNAME or "
            "NCCL_SOCKET_IFNAME, where set, name their network"
        ) from error
    finally:
        joined.set()
    barrier()  # rank 0 keeps the store by which the others join, and may end at once
    yield
    # after an error the end of the process closes it: earlier, the others would tell that they have
    # lost this one before it has told why
    dist.destroy_process_group()


def size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process among all, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_launched() -> bool:
    """Whether torchrun has started this process as one of several."""
    return "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"


def is_orphaned() -> bool:
    """Whether `vaelab train --devices N`, which has started this process, is gone."""
    launcher = os.environ.get(LAUNCHER)
    return launcher is not None and os.getppid() != int(launcher)


def local_rank() -> int:
    """The number of this process among those of its machine."""
    return int(os.environ.get("LOCAL_RANK", "0")) if is_launched() else 0


def is_main() -> bool:
    """Whether this process writes and speaks for all: rank 0 does."""
    return rank() == 0


def barrier() -> None:
    """Go on when all have come here."""
    if size() > 1:
        all_sum_(torch.zeros(1))


def broadcast_(tensors: Sequence[Tensor]) -> None:
    """Give every process rank 0's values of tensors, in place."""
    if size() > 1:
        with _talking():
            for tensor in tensors:
                dist.broadcast(tensor, 0)


def all_sum_(tensor: Tensor) -> Tensor:
    """The sum over processes, in place of what each has; no gradient goes through."""
    if size() > 1:
        with _talking():
            dist.all_reduce(tensor)
    return tensor


def all_sum(tensor: Tensor) -> Tensor:
    """The sum over processes; the gradient is that of the sum of all processes' losses."""
    if size() == 1:
        return tensor
    total: Tensor = _AllSum.apply(tensor)  # type: ignore[no-untyped-call]
    return total


def all_gather(tensor: Tensor) -> Tensor:
    """What every process has, `(size, *shape)`; with a gradient, as `all_sum`."""
    return _spread(tensor[None], 0, rank(), size())


def all_gather_text(text: str) -> list[str]:
    """What every process says here, by rank."""
    if size() == 1:
        return [text]
    mine = text.encode()
    width = int(all_gather(torch.tensor(len(mine))).max())
    rows = all_gather(torch.tensor(list(mine.ljust(width, b"\0")), dtype=torch.uint8))
    return [bytes(row).rstrip(b"\0").decode() for row in rows.tolist()]


def check_same(facts: Mapping[str, str]) -> None:
    """Refuse to train where processes were not given the same."""
    first, *others = [json.loads(text) for text in all_gather_text(json.dumps(dict(facts)))]
    for number, other in enumerate(others, 1):
        wrong = [name for name, value in first.items() if other.get(name) != value]
        if wrong:
            raise BadCombinationError(
                f"rank {number} has not the same {' and '.join(wrong)} as rank 0; start every "
                "process with the same command, data and folder of runs (on a disk they share)"
            )


@contextmanager
def sharing(part: BatchSlice | None) -> Iterator[None]:
    """In this block the images at hand are this part of a batch that all share; None: all of it."""
    before = _SLICE.set(part)
    try:
        yield
    finally:
        _SLICE.reset(before)


def batch_slice() -> BatchSlice | None:
    """Which images of the batch under way are this process's; None: all of them."""
    return _SLICE.get()


def all_mean(mine: Tensor) -> Tensor:
    """The mean over the whole batch from that over this process's images; with a gradient."""
    part = batch_slice()
    return mine if part is None else all_sum(part.fraction * mine)


def gather_batch(mine: Tensor, dim: int = 0) -> Tensor:
    """The whole batch's values from those of every process's images, along `dim`."""
    part = batch_slice()
    if part is None:
        return mine
    return _spread(mine.narrow(dim, 0, part.images), dim, part.first, part.size)


def _end_with_launcher(joined: threading.Event) -> None:
    """End if the launcher does before all have joined: there is nobody left to wait for."""
    while not joined.wait(1):
        if is_orphaned():
            exit_now(LostProcessError.exit_code)


def exit_now(code: int) -> NoReturn:
    """End this process at once, with everything written.

    Taking the interpreter down after its process group aborts now and then, in a thread of
    PyTorch's that is still there ("terminate called without an active exception"), and a training
    that is done would count as failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _spread(mine: Tensor, dim: int, first: int, whole: int) -> Tensor:
    """Zeros with `mine` in its place, summed over processes: exact, and for parts of any sizes."""
    before, behind = list(mine.shape), list(mine.shape)
    before[dim], behind[dim] = first, whole - first - mine.shape[dim]
    return all_sum(torch.cat([mine.new_zeros(before), mine, mine.new_zeros(behind)], dim))


class _AllSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return all_sum_(tensor.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # each process's loss depends on the sum, and all losses count
        return all_sum_(gradient.clone(memory_format=torch.contiguous_format))


@contextmanager
def _talking() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(
            f"rank {rank()} has lost another process, which has ended (it says why) or cannot be "
            "reached; what was saved is whole, and the same command with --resume goes on from it"
        ) from error
