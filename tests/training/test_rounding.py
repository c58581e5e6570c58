"""In bfloat16 the networks multiply; every distribution is computed in float32 all the same."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution

from tests.test_every_kind import MODELS, build, given
from vaelab.networks import Network
from vaelab.networks.network import multiplying_in
from vaelab.objectives import IWAEConfig


def tensors(value: object, seen: set[int]) -> Iterator[Tensor]:
    """Every tensor of numbers that a distribution holds, however deep."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors(one, seen)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()), seen)
    elif isinstance(value, Distribution | torch.distributions.Transform):
        yield from tensors(vars(value), seen)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_of_every_family_is_float32(name: str) -> None:
    model = build(name)
    x, context, noise = given(name, samples=3)
    with multiplying_in(torch.bfloat16, model):
        terms = model.terms(x, context, noise=noise)
        found = [terms.log_likelihood, terms.log_weights, terms.rate]
        for level in terms.levels:
            found += [level.log_q, level.log_p, *tensors(level.posterior, set())]
            found += tensors(level.prior, set())
            found += [level.z] if level.z.is_floating_point() else []
        likelihood = model.reconstruct(x, context)
        found += [likelihood.mean, *tensors(likelihood, set())]
    assert {one.dtype for one in found} == {torch.float32}
    assert len(found) > 8
    assert all(n.products is None for n in model.modules() if isinstance(n, Network))


@pytest.mark.parametrize("name", ["posterior-diagonal_normal", "posterior-full_normal",
                                  "posterior-iaf", "posterior-mixture"])  # fmt: skip
def test_log_variances_are_not_rounded_to_eighths(name: str) -> None:
    model = build(name)
    x, *_ = given(name)
    images = torch.rand(500, *x.shape[1:], generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), multiplying_in(torch.bfloat16, model):
        posterior = model.encode(images)
    scales = [one for one in tensors(posterior, set()) if one.ndim and one.numel() >= 500]
    assert min(len(one.unique()) for one in scales if not (one == one.flatten()[0]).all()) > 50


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_and_its_gradients_are_nearly_those_of_float32(name: str) -> None:
    losses, objective = [], IWAEConfig(samples=3)
    for products in (torch.bfloat16, None):
        model = build(name)
        x, context, noise = given(name, objective.num_samples)
        with multiplying_in(products, model):
            losses.append(objective(model.terms(x, context, noise=noise), {}))
        losses[-1].backward()
        assert all(p.grad is not None and p.grad.dtype == p.dtype for p in model.parameters())
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=0.02, abs=0.5)
