"""What a pixel means: grey levels as numbers, spread over their interval, and as pictures."""

import math

import pytest
import torch
from scipy.stats import kstest, truncexpon

from vaelab.data import DigitsData, SignedPixels, UnitPixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.likelihoods.bernoulli import ContinuousBernoulli

LEVELS = torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
GREY = [UnitPixels(dequantised=True), SignedPixels(dequantised=True)]


@pytest.mark.parametrize("pixels", GREY, ids=lambda pixels: pixels.kind)
def test_a_level_is_spread_over_its_256th_of_the_range(pixels: UnitPixels | SignedPixels) -> None:
    low, high = (0, 1) if pixels.kind == "unit" else (-1, 1)
    edges = torch.linspace(low, high, 257).reshape(257, 1, 1, 1)
    first, last = (pixels(LEVELS, torch.full(LEVELS.shape, u)) for u in (0.0, 1 - 2**-24))
    torch.testing.assert_close(first, edges[:-1], rtol=0, atol=1e-6)
    torch.testing.assert_close(last, edges[1:], rtol=0, atol=1e-6)
    assert last.max() <= high
    torch.testing.assert_close(pixels(LEVELS), (edges[:-1] + edges[1:]) / 2, rtol=0, atol=1e-6)
    draws = torch.rand(256, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    spread = (pixels(LEVELS.expand(256, 1, 20, 20), draws) - low) / (high - low)
    assert kstest(spread.flatten().numpy(), "uniform").pvalue > 0.01
    assert pixels.dynamic
    assert pixels.words == f"dequantised {pixels.kind}"


def test_a_split_is_spread_the_same_way_every_time() -> None:
    store = DigitsData().load()
    first, second = (
        next(EvalLoader(store.test, UnitPixels(dequantised=True), 0).batches(50)).x
        for _ in range(2)
    )
    assert torch.equal(first, second)
    levels = torch.from_numpy(store.test.images[:50])
    assert torch.equal((256 * first).floor().to(torch.uint8), levels)
    assert not torch.equal(256 * first, levels.float())


@pytest.mark.parametrize("pixels", GREY, ids=lambda pixels: pixels.kind)
def test_as_a_picture_it_is_what_the_page_makes_of_its_bytes(
    pixels: UnitPixels | SignedPixels,
) -> None:
    x = pixels(LEVELS, torch.rand(LEVELS.shape, generator=torch.Generator().manual_seed(1)))
    byte = (255 * pixels.to_unit(x)).round()
    wanted = byte / 255 if pixels.kind == "unit" else byte / 127.5 - 1
    torch.testing.assert_close(pixels.of_picture(x), wanted)
    plain = type(pixels)()
    assert torch.equal(plain.of_picture(plain(LEVELS)), plain(LEVELS))


@pytest.mark.parametrize("logit", [-300.0, -30.0, -2.0, 0.5])
def test_the_density_of_dequantised_pixels_bounds_the_probability_of_levels(logit: float) -> None:
    draws = torch.rand(256, 1, 1, 2000, generator=torch.Generator().manual_seed(2))
    x = UnitPixels(dequantised=True)(LEVELS.expand(256, 1, 1, 2000), draws.double())
    density = ContinuousBernoulli(torch.tensor(logit, dtype=torch.float64)).log_prob(x)
    bound = density.mean(-1).flatten() - math.log(256)
    size = abs(logit)
    edges = torch.linspace(0, 1, 257, dtype=torch.float64)
    cumulative = torch.from_numpy(
        truncexpon(size, scale=1 / size).cdf(edges if logit < 0 else 1 - edges)
    )
    log_p = cumulative.diff().abs().log()
    seen = log_p > -30  # further out the differences of the reference are rounding
    assert (bound <= log_p + 1e-2)[seen].all()  # 1e-2: of the draws
    torch.testing.assert_close(bound[seen], log_p[seen], atol=0.1, rtol=0)
