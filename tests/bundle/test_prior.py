"""A prior is told to the page as what it is."""

from base64 import b64decode

import numpy as np
import pytest
import torch
from scipy.stats import norm

from tests.training.conftest import tiny
from vaelab.bundle.prior import prior_parts
from vaelab.models import FlatLatent


def built(prior: str, *assignments: str, std: float = 0.3) -> FlatLatent:
    torch.manual_seed(0)
    experiment = tiny(f"model.prior={prior}", *assignments)
    model = experiment.model.build((1, 8, 8), experiment.data.pixels.domain, 10).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return model


def log_density(told: dict, z: np.ndarray) -> np.ndarray:
    """By scipy, from what the manifest says."""
    parts = np.frombuffer(b64decode(told["parts"]), "<i2").reshape(len(told["weights"]), 2, -1)
    loc, scale = parts[:, 0] * told["loc_unit"], np.exp(parts[:, 1] * told["log_scale_unit"])
    each = norm.pdf(z[:, None], loc, scale).prod(-1)
    return np.log(each @ told["weights"])


@pytest.mark.parametrize("prior", ["{kind: mixture, components: 5}", "{kind: vamp, components: 7}"])
def test_a_mixture_is_told_exactly(prior: str) -> None:
    model = built(prior)
    told = prior_parts(model)
    assert told is not None
    assert told["exact"]
    z = torch.randn(50, 2)
    with torch.no_grad():
        wanted = model.prior().log_prob(z)
    np.testing.assert_allclose(log_density(told, z.numpy()), wanted, atol=0.02)


def test_a_prior_of_each_class_has_a_part_for_each() -> None:
    model = built("{kind: class_conditional}", "model.condition={encoder: none, decoder: one_hot}")
    told = prior_parts(model)
    assert told is not None
    assert told["by_class"]
    assert len(told["weights"]) == 10


def test_a_flow_is_told_by_draws_and_the_training_draws_as_before() -> None:
    model = built("{kind: flow}", std=0.1)
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    told = prior_parts(model)
    assert torch.equal(torch.rand(4), wanted)
    assert told is not None
    assert not told["exact"]
    with torch.no_grad():
        z = model.prior().sample(torch.Size([2000]))
        cross = -model.prior().log_prob(z).mean().item()
    estimated = -log_density(told, z.numpy()).mean()
    assert estimated - cross < 0.25, "nats by which the kernels miss the density"


def test_nothing_is_said_of_the_standard_normal() -> None:
    assert prior_parts(built("{kind: standard_normal}")) is None
