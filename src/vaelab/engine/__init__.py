"""One optimiser step: `plain`, as PyTorch writes it, and `fast`, the same with less overhead.

Nothing outside knows how the fast one works. It uses what PyTorch does not promise to keep; where
that is missing, `plain` takes its place.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch

from vaelab.engine.in_turn import InTurn
from vaelab.engine.layers import accelerate
from vaelab.engine.step import COLUMNS, Engine, Inputs, PlainEngine, TrainingStep
from vaelab.optim import OptimizerConfig

__all__ = [
    "COLUMNS",
    "Engine",
    "EngineKind",
    "Inputs",
    "PlainEngine",
    "TrainingStep",
    "accelerate",
    "build_engine",
]

EngineKind = Literal["fast", "plain"]


def build_engine(
    kind: EngineKind,
    steps: Sequence[TrainingStep],
    optimizer: OptimizerConfig,
    products: torch.dtype | None,
    batched: bool = True,
    say: Callable[[str], object] = lambda words: None,
) -> Engine:
    """The engine that was asked for; `plain` where PyTorch lacks what `fast` needs, which is said.

    Networks multiply in the number format `products`; None: in that of their parameters.
    Several models are one batched model in the fast engine, or else take their turns.
    """
    if kind == "fast":
        try:
            from vaelab.engine.fast import FastEngine
        except (ImportError, AttributeError) as error:  # PyTorch's names have changed
            say(f"training.engine is `plain`, the same but slower, instead of `fast`: {error}")
        else:
            if len(steps) > 1 and not batched:
                return InTurn([FastEngine([step], optimizer, products) for step in steps])
            return FastEngine(steps, optimizer, products)
    return PlainEngine(steps, optimizer, products)
