"""A list of operations as one CUDA graph: a GPU gets a whole step in one call."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def capture(
    replay: Callable[..., Tensor], arguments: Sequence[Tensor], written: Sequence[Tensor]
) -> Callable[..., Tensor]:
    """The same function, its kernels captured once and started together.

    For small networks a GPU waits for Python to begin one kernel after the other; a graph begins
    them all ("CUDA graphs", docs.pytorch.org/docs/stable/notes/cuda.html).

    Args:
        replay: operations that neither wait for the device nor decide by what they find.
        arguments: of the shapes to come.
        written: tensors it writes to; they are as before when this returns.

    Raises:
        RuntimeError: an operation cannot be captured.
    """
    inputs = [argument.clone() for argument in arguments]
    before = [tensor.clone() for tensor in written]
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side), torch.inference_mode():
        replay(*inputs)  # libraries choose their kernels and take their memory now
    torch.cuda.current_stream().wait_stream(side)
    for tensor, former in zip(written, before, strict=True):
        tensor.copy_(former)
    graph = torch.cuda.CUDAGraph()
    # a thread that reads images ahead may pin memory meanwhile
    alone = torch.cuda.graph(graph, capture_error_mode="thread_local")
    with torch.inference_mode(), alone:
        value = replay(*inputs)

    def run(*arguments: Tensor) -> Tensor:
        for mine, given in zip(inputs, arguments, strict=True):
            mine.copy_(given)
        graph.replay()
        return value.clone()

    return run
