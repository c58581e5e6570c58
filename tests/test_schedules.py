"""Schedules and learning rates against their definitions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaelab.optim import (
    AdamConfig,
    AdamWConfig,
    ConstantRate,
    ConstantSchedule,
    CosineRate,
    CosineSchedule,
    CyclicalSchedule,
    LinearSchedule,
    PlateauRate,
    StagesRate,
)


def test_linear_rises_and_stays() -> None:
    beta = LinearSchedule(start=0, end=2, epochs=4)
    assert [beta(t) for t in (0, 1, 2, 4, 9)] == [0, 0.5, 1, 2, 2]


def test_a_cosine_is_slow_at_both_ends_and_stays() -> None:
    beta = CosineSchedule(start=1, end=3, epochs=4)
    assert [beta(t) for t in (0, 2, 4, 9)] == pytest.approx([1, 2, 3, 3])
    assert beta(1) == pytest.approx(2 - math.sqrt(0.5))


def test_cyclical_begins_again() -> None:
    beta = CyclicalSchedule(start=0, end=1, period=4, rise=0.5)
    assert [beta(t) for t in (0, 1, 2, 3, 4, 5, 7)] == [0, 0.5, 1, 1, 0, 0.5, 1]


def test_constant() -> None:
    assert ConstantSchedule(value=0.3)(17.2) == 0.3
    assert ConstantRate()(3, 10, []) == 1


def test_cosine_goes_from_one_to_zero() -> None:
    rate = CosineRate()
    assert rate(0, 10, []) == 1
    assert rate(5, 10, []) == pytest.approx(0.5)
    assert rate(10, 10, []) == pytest.approx(0, abs=1e-12)
    assert rate(2, 10, []) == pytest.approx((1 + math.cos(0.2 * math.pi)) / 2)


@given(
    losses=st.lists(st.floats(-100, 100), max_size=30),
    patience=st.integers(0, 4),
    factor=st.sampled_from([0.5, 0.1]),
)
def test_plateau_is_torchs_without_a_threshold(losses, patience: int, factor: float) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience, threshold=0, threshold_mode="abs", eps=0
    )
    for loss in losses:
        theirs.step(loss)
    ours = PlateauRate(factor=factor, patience=patience)(len(losses), 100, losses)
    assert ours == pytest.approx(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize("config", [AdamConfig(), AdamWConfig(weight_decay=0.1)])
def test_a_step_moves_by_the_learning_rate(config) -> None:
    """The first step of Adam is the learning rate against the gradient's sign."""
    weight = torch.tensor([1.0, -2.0])
    config.build([weight]).step([torch.tensor([3.0, -5.0])], [config.learning_rate])
    decay = 1 - config.learning_rate * getattr(config, "weight_decay", 0)
    expected = torch.tensor([1.0, -2.0]) * decay - config.learning_rate * torch.tensor([1.0, -1.0])
    torch.testing.assert_close(weight, expected)


@pytest.mark.parametrize("config", [AdamConfig(eps=1e-3), AdamWConfig(betas=(0.5, 0.9))])
def test_it_is_torchs_for_every_vector(config) -> None:
    torch.manual_seed(0)
    start, rates = torch.randn(3, 7), [0.1, 0.01, 0.1]
    ours = start.clone()
    adam = config.build(list(ours))
    theirs = [torch.nn.Parameter(row.clone()) for row in start]
    kind = torch.optim.AdamW if isinstance(config, AdamWConfig) else torch.optim.Adam
    decay = {"weight_decay": config.weight_decay} if isinstance(config, AdamWConfig) else {}
    optimizers = [
        kind([row], lr=rate, betas=config.betas, eps=config.eps, **decay)
        for row, rate in zip(theirs, rates, strict=True)
    ]
    for _ in range(5):
        gradients = torch.randn(3, 7)
        adam.step(list(gradients), rates)
        for row, gradient, optimizer in zip(theirs, gradients, optimizers, strict=True):
            row.grad = gradient
            optimizer.step()
    torch.testing.assert_close(ours, torch.stack(theirs).detach())


def test_the_stages_of_the_importance_weighted_autoencoder() -> None:
    stages = StagesRate()
    assert sum(stages.epochs) == 3280
    # 1e-4 round(10^(1 - (i - 1) / 7), 1) for i = 1 .. 8
    expected = [round(10 ** (1 - i / 7), 1) for i in range(8)]
    assert list(stages.factors) == expected
    begins = [0, 1, 4, 13, 40, 121, 364, 1093]
    assert [stages(begin, 3280, []) for begin in begins] == expected
    assert [stages(begin - 0.01, 3280, []) for begin in begins[1:]] == expected[:-1]
    assert stages(5000.0, 3280, []) == expected[-1]


def test_stages_need_a_factor_each() -> None:
    with pytest.raises(ValueError, match="2 `epochs` and 1 `factors`"):
        StagesRate(epochs=(1, 2), factors=(1.0,))
