"""Training a codebook: to the same bits after a break, and alone or together with others."""

from math import log
from pathlib import Path

import pytest
import torch

from tests.training.conftest import tiny
from vaelab.bundle import Bundle
from vaelab.bundle.reader import rebuild
from vaelab.errors import BadCombinationError
from vaelab.evaluation.evaluate import evaluate
from vaelab.runs.render import figure_context, figures_named
from vaelab.tensorfile import read_tensors
from vaelab.training import Start, replicas, train, train_together

VQ = ("model={kind: vq, codes: 12, latent: 4, encoder: {kind: conv, channels: [8, 8], "
      "kernels: [2, 2], strides: [2, 2]}}", "training.batch_size=128")  # fmt: skip


@pytest.mark.slow
def test_interrupted_and_resumed_it_ends_at_the_same_bits(tmp_path: Path) -> None:
    whole = train(tiny(*VQ), tmp_path / "whole").run
    train(tiny(*VQ, "training.epochs=1"), tmp_path / "parts")
    parts = train(tiny(*VQ), tmp_path / "parts", Start.RESUME).run
    assert whole.weights_path.read_bytes() == parts.weights_path.read_bytes()
    first, second = (read_tensors(run.resume_path)[0] for run in (whole, parts))
    assert first.keys() == second.keys() >= {"model.codebook.vectors", "model.codebook.counts"}
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert whole.metrics() == parts.metrics()


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["uniform", "{kind: pixelcnn, channels: 4, layers: 2}"])
def test_replicas_are_what_each_would_be_alone(prior: str, tmp_path: Path) -> None:
    experiment = tiny(
        *VQ, f"model.prior={prior}", "training.precision=float64", "training.replicas=2",
        "training.epochs=3",
    )  # fmt: skip
    together = train_together(replicas(experiment), tmp_path / "together")
    for one, outcome in zip(replicas(experiment), together, strict=True):
        alone = train(one, tmp_path / "alone").run
        tensors = [read_tensors(run.resume_path)[0] for run in (outcome.run, alone)]
        torch.testing.assert_close(*tensors, rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_it_learns_to_use_its_codes(tmp_path: Path) -> None:
    run = train(tiny(*VQ, "training.epochs=12", "training.batch_size=64"), tmp_path).run
    elbos = [row["elbo_nats"] for row in run.metrics() if row["split"] == "valid"]
    assert elbos[-1] > elbos[0] + 10
    model, _ = run.load_model()
    counts = model.codebook.get_buffer("counts")
    shares = counts / counts.sum()
    assert torch.special.entr(shares).sum().exp() > 8  # of 12 codes


def test_it_is_evaluated_and_drawn_where_that_takes_no_vector(tmp_path: Path) -> None:
    run = train(tiny(*VQ, "figures.at_end=[samples, reconstruction, manifold]"), tmp_path).run
    assert {path.name for path in run.figures.glob("*.png")} == {
        "samples.png", "reconstruction.png",
    }  # fmt: skip
    assert not run.bundle.exists()
    numbers = evaluate(run, samples=2).numbers
    assert numbers["rate_nats"].value == pytest.approx(4 * log(12))
    assert numbers["nll_iwae2_nats"].value == pytest.approx(-numbers["elbo_nats"].value)
    assert numbers["nll_iwae2_nats"].estimator == "1 code, which is certain"
    assert "ess_iwae2" not in numbers  # which would be all of 2, however loose the bound
    for name in ("latent", "manifold", "interpolation", "traversal", "rates"):
        (figure,) = figures_named([name])
        with pytest.raises(BadCombinationError, match="VQVAE has none"):
            figure.compute(figure_context(run))
    rebuild(run)
    assert Bundle(run).manifest()["codebook"] == {"entries": 12, "grid": [2, 2]}
