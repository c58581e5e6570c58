"""Priors of grids of codes are distributions, and their samples follow them."""

import pytest
import torch

from vaelab.priors import BaseGridPrior, PixelCNNConfig, Prior, UniformConfig

K, GRID = 2, (2, 2)
PRIORS = [
    UniformConfig(),
    PixelCNNConfig(channels=4, layers=1),
    PixelCNNConfig(channels=4, layers=3),
    PixelCNNConfig(channels=4, layers=2, reach=3),
]


def built(config: BaseGridPrior, codes: int = K, grid: tuple[int, int] = GRID) -> Prior:
    torch.manual_seed(3)
    prior = config.build(codes, grid).double()
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return prior


def every(codes: int, places: int) -> torch.Tensor:
    return torch.cartesian_prod(*(torch.arange(codes) for _ in range(places)))


@torch.no_grad()
@pytest.mark.parametrize("config", PRIORS, ids=str)
def test_it_sums_to_one(config: BaseGridPrior) -> None:
    for codes, (rows, columns) in ((2, (2, 2)), (3, (1, 3)), (2, (3, 2))):
        grids = every(codes, rows * columns).reshape(-1, rows, columns)
        log_probs = built(config, codes, (rows, columns))().log_prob(grids)
        total = log_probs.exp().sum()
        torch.testing.assert_close(total, torch.ones_like(total))
        assert config.kind == "uniform" or log_probs.std() > 0.1


@torch.no_grad()
@pytest.mark.parametrize("config", PRIORS, ids=str)
def test_its_samples_follow_it(config: BaseGridPrior) -> None:
    p = built(config)()
    drawn = p.sample([20_000])
    assert drawn.shape == (20_000, *GRID)
    number = (drawn.flatten(1) * torch.tensor([8, 4, 2, 1])).sum(1)
    shares = torch.bincount(number, minlength=16) / 20_000
    expected = p.log_prob(every(K, 4).reshape(-1, *GRID)).exp()
    torch.testing.assert_close(shares.double(), expected, atol=0.015, rtol=0)


def test_a_place_is_told_of_all_before_it_and_of_nothing_after() -> None:
    """The gradient of its logits reaches the codes before it, row by row, and no others."""
    prior = PixelCNNConfig(channels=8, layers=4, reach=2).build(5, (4, 4)).double()
    embedded = torch.randn(1, 4, 4, 8, dtype=torch.float64, requires_grad=True)
    prior.embedding.forward = lambda _: embedded
    logits = prior.logits(torch.zeros(1, 4, 4, dtype=torch.int64))
    for place in range(16):
        row, column = divmod(place, 4)
        (gradient,) = torch.autograd.grad(
            logits[0, :, row, column].sum(), embedded, retain_graph=True, materialize_grads=True
        )
        reached = gradient.abs().sum(-1).flatten() > 0
        assert reached.tolist() == [before < place for before in range(16)]
