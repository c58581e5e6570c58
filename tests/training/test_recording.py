"""A recorded step gives the bits that the step gives, and what cannot be recorded goes on."""

import torch
from torch import Tensor

from vaelab.engine.recording import Recorded


def test_what_it_reads_and_writes_stays_where_it_is() -> None:
    weight, count = torch.nn.Parameter(torch.ones(3)), torch.zeros(())

    def function(x: Tensor) -> Tensor:
        count.add_(1)
        (gradient,) = torch.autograd.grad((weight**2 * x).sum(), [weight])
        return gradient

    step = Recorded(function, [count])
    x = torch.tensor([1.0, 2.0, 3.0])
    for _ in range(2):
        assert step(x).tolist() == [2, 4, 6]
    assert len(step.replays) == 1
    weight.data.fill_(5)
    assert step(x).tolist() == [10, 20, 30]
    assert step(2 * x).tolist() == [20, 40, 60]
    assert count == 4


def test_a_constant_that_it_writes_to_begins_anew() -> None:
    def function(x: Tensor) -> Tensor:
        total = torch.tensor(1.0)
        total += x.sum()
        return total

    step = Recorded(function, [])
    assert [step(torch.ones(2)).item() for _ in range(4)] == [3, 3, 3, 3]
    assert len(step.replays) == 1


def test_another_shape_is_another_recording() -> None:
    step = Recorded(lambda x, y: x.sum() if y is None else x.sum() + y.sum(), [])
    for _ in range(3):
        assert step(torch.ones(3), None) == 3
        assert step(torch.ones(4), None) == 4
        assert step(torch.ones(4), torch.ones(2)) == 6
    assert len(step.replays) == 3


def test_what_decides_by_values_is_not_recorded() -> None:
    total = torch.zeros(())

    def function(x: Tensor) -> Tensor:
        total.add_(x.sum())
        return x if x.sum() > 0 else -x

    step = Recorded(function, [total])
    values = [step(torch.tensor([value])).item() for value in (1.0, -2.0, 3.0, -4.0)]
    assert values == [1, 2, 3, 4]
    assert total == -2
    assert not step.replays


def test_a_recording_draws_afresh() -> None:
    step = Recorded(lambda x: torch.nn.functional.dropout(x, 0.5), [])
    draws = {tuple(step(torch.ones(64)).tolist()) for _ in range(5)}
    assert len(step.replays) == 1
    assert len(draws) == 5
