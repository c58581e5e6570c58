"""The linear probe reads what is linear in the code, and nothing where there is nothing."""

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from tests.figures.conftest import Painter
from vaelab.data import Split, UnitPixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.metrics import LinearProbeMetric, NeighboursMetric


class Corners(Painter):
    """The code is two pixels, the second thousandfold."""

    def encode(
        self, x: Float[Tensor, "b c h w"], context: Float[Tensor, "b classes"] | None = None
    ) -> Distribution:
        loc = torch.stack([x[:, 0, 0, 0], 1000 * x[:, 0, 0, 7]], 1)
        return Independent(Normal(loc, torch.ones_like(loc)), 1)


def loader(left: np.ndarray, labels: np.ndarray) -> EvalLoader:
    """The left pixel's grey is given, the right one's random."""
    images = np.zeros((len(left), 1, 8, 8), np.uint8)
    images[:, 0, 0, 0] = left
    images[:, 0, 0, 7] = np.random.default_rng(1).integers(0, 256, len(left))
    return EvalLoader(Split(images, labels.astype(np.int64)), UnitPixels(), 0)


def probed(of: EvalLoader, **settings: int) -> float:
    (number,) = LinearProbeMetric(**settings)(Corners(), of).values()
    assert number.unit == "share"
    assert "means without their noise" in number.estimator
    return number.value


GREY = np.random.default_rng(0).integers(0, 256, 600)


def test_a_class_that_is_linear_in_the_code_is_read_whatever_its_scale() -> None:
    of = loader(GREY, GREY > 127)
    assert probed(of) > 0.97
    knn = NeighboursMetric()(Corners(), of)["knn5_accuracy"].value
    assert knn < 0.8  # the large and empty dimension decides who is near


def test_a_class_that_is_not_linear_is_not_read() -> None:
    bent = abs(GREY - 127.5) < 64  # half of the images, in the middle
    assert probed(loader(GREY, bent)) < 0.6


def test_labels_at_random_are_guessed() -> None:
    labels = np.random.default_rng(2).integers(0, 4, 600)
    assert probed(loader(GREY, labels)) == pytest.approx(1 / 4, abs=0.07)
    assert probed(loader(GREY, labels), seed=1) != probed(loader(GREY, labels))


@pytest.mark.parametrize("labels", [np.zeros(20), np.arange(20) < 4])
def test_too_few_of_a_class_give_no_number(labels: np.ndarray) -> None:
    assert LinearProbeMetric()(Corners(), loader(GREY[:20], labels)) == {}
