"""What processes that train one model tell each other."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.distributed.distributed_c10d import _get_default_group

from vaelab.errors import BadCombinationError

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]

    from vaelab.distributed.pulse import Pulse


@dataclass(frozen=True)
class Portion:
    """So many images from number `first` on, of the `whole` batch.

    A process that has none, of a batch smaller than the number of processes, computes one image
    that counts for nothing, so that it takes part in what all do together.
    """

    first: int
    images: int
    whole: int


class World:
    """The processes that share every batch; by default this one alone, and nothing is sent.

    All of them call the same methods in the same order.

    Args:
        rank: of this process, from 0; rank 0 leads: it alone writes and speaks.
        size: how many there are.
        local_rank: of this process among those of its node.
        store: where small texts are exchanged.
        pulse: that tells who is still there.

    Attributes:
        portion: this process's images of the batch under way.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        local_rank: int = 0,
        store: "Store | None" = None,
        pulse: "Pulse | None" = None,
    ) -> None:
        self.rank, self.size, self.local_rank = rank, size, local_rank
        self.portion = Portion(0, 0, 0)
        self._store, self._pulse = store, pulse
        self._talks = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    @property
    def counts(self) -> bool:
        """Whether this process's images count."""
        return self.size == 1 or self.portion.images > 0

    @property
    def part(self) -> float:
        """Which part of the batch this process has."""
        return self.portion.images / self.portion.whole

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over processes, in place of what each has; no gradient goes through."""
        if self.size > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def each(self, values: Tensor) -> Tensor:
        """What every process has, `(size, *shape)`; no gradient goes through."""
        alone = values[None]
        return alone if self.size == 1 else _spread(alone, 0, self.rank, self.size)

    def mean(self, mine: Tensor) -> Tensor:
        """The mean over the whole batch from that over this process's part; no gradient follows."""
        return mine if self.size == 1 else self.each(self.part * mine).sum(0)

    def whole(self, mine: Tensor, dim: int = 0) -> Tensor:
        """The whole batch's values from every process's part of them, along `dim`.

        The gradient is that of the sum of all processes' losses, where these are the same.
        """
        if self.size == 1:
            return mine
        part = self.portion
        mine = mine.narrow(dim, 0, part.images)
        gathered: Tensor = _Whole.apply(mine, dim, part.first, part.whole)  # type: ignore[no-untyped-call]
        return gathered

    def tell(self, text: str) -> list[str]:
        """What every process tells here, by rank."""
        if self._store is None or self._pulse is None:
            return [text]
        self._talks += 1
        told, heard = (
            [f"{what}/{self._talks}/{rank}" for rank in range(self.size)]
            for what in ("told", "heard")
        )
        self._store.set(told[self.rank], text)
        self._pulse.wait_for(told)
        texts = [text.decode() for text in self._store.multi_get(told)]
        self._store.set(heard[self.rank], "")
        if self.leads:  # it keeps the store, and may leave because of what it has heard
            self._pulse.wait_for(heard)
        return texts

    def wait(self) -> None:
        """Go on when all have come here, however long that takes."""
        self.tell("")

    def same(self, tensors: Sequence[Tensor]) -> None:
        """Give every process rank 0's values of tensors, in place."""
        if self.size > 1:
            for tensor in tensors:
                torch.distributed.broadcast(tensor, 0)

    def agree(self, facts: Mapping[str, str]) -> None:
        """Refuse to train where processes were not given the same.

        Args:
            facts: what has to be the same, such as "config" and a checksum of it.

        Raises:
            BadCombinationError: with the ranks and what is another one there.
        """
        first, *others = [json.loads(text) for text in self.tell(json.dumps(dict(facts)))]
        for rank, other in enumerate(others, 1):
            wrong = [name for name, value in first.items() if other.get(name) != value]
            if wrong:
                raise BadCombinationError(
                    f"rank {rank} has not the same {' and '.join(wrong)} as rank 0; start every "
                    "process with the same command, data and folder of runs (on a disk they share)"
                )

    def watching(self) -> AbstractContextManager[object]:
        """In this block a failure because another process is gone names that process.

        Raises:
            LostRankError: at the end of the block.
        """
        return nullcontext() if self._pulse is None else self._pulse.watching()


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mine: Tensor, dim: int, first: int, whole: int) -> Tensor:
        ctx.part, ctx.size = (dim, first, mine.shape[dim]), torch.distributed.get_world_size()
        return _spread(mine, dim, first, whole)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.size * gradient.narrow(*ctx.part), None, None, None


def _spread(mine: Tensor, dim: int, first: int, whole: int) -> Tensor:
    """Zeros with `mine` in its place, summed over processes: exact, and for parts of any sizes."""
    before, behind = list(mine.shape), list(mine.shape)
    before[dim], behind[dim] = first, whole - first - mine.shape[dim]
    padded = torch.cat([mine.new_zeros(before), mine, mine.new_zeros(behind)], dim)
    # as operations on tensors, which `Recorded` can replay
    group = _get_default_group().group_name
    summed = torch.ops._c10d_functional.all_reduce(padded, "sum", group)
    result: Tensor = torch.ops._c10d_functional.wait_tensor(summed)
    return result
