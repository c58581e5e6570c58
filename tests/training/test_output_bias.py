"""A decoder that starts at the mean image."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.conftest import tiny
from vaelab.data import Domain
from vaelab.errors import BadCombinationError
from vaelab.likelihoods.bernoulli import CERTAIN
from vaelab.models import HierarchicalConfig, VAEConfig
from vaelab.training import train
from vaelab.training.output_bias import start_at_mean

BERNOULLI = ["model.likelihood={kind: bernoulli}", "data.pixels={kind: binary, mode: dynamic}"]


@pytest.mark.parametrize("kind", [VAEConfig, HierarchicalConfig])
def test_without_weights_it_gives_the_mean_image(
    kind: type[VAEConfig] | type[HierarchicalConfig],
) -> None:
    model = kind.model_validate({"likelihood": {"kind": "bernoulli"}}).build(
        (1, 2, 2), Domain.BINARY, 1
    )
    images = np.array([[255, 0, 0, 255], [255, 0, 255, 0], [255, 0, 0, 255]], np.uint8)
    start_at_mean(model, images.reshape(3, 1, 2, 2))
    with torch.no_grad():
        last = [m for m in model.decoder.modules() if isinstance(m, torch.nn.Linear)][-1]
        last.weight.zero_()
        mean = model.sample(1).mean
    expected = torch.tensor([1 - CERTAIN, CERTAIN, 1 / 3, 2 / 3])
    torch.testing.assert_close(mean.flatten(), expected)


def test_training_starts_nearer_to_the_images(tmp_path: Path) -> None:
    first = {}
    for bias in ("random", "mean"):
        assignments = [*BERNOULLI, f"training.output_bias={bias}", f"task_name={bias}",
                       "training.log_every=1", "training.epochs=1"]  # fmt: skip
        run = train(tiny(*assignments), tmp_path).run
        first[bias] = run.metrics()[0]["distortion_nats"]
    assert first["mean"] < first["random"] - 5


@pytest.mark.parametrize(
    "assignments", [[], [*BERNOULLI, "model.decoder={kind: conv, channels: [4], strides: [2]}"]]
)
def test_other_decoders_are_refused(assignments: list[str], tmp_path: Path) -> None:
    with pytest.raises(BadCombinationError, match="output_bias is `mean`, which needs"):
        train(tiny("training.output_bias=mean", *assignments), tmp_path)
    assert not list(tmp_path.iterdir())
