"""The page's log p(x) and ELBO of single images are those of quadratures by PyTorch and SciPy."""

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import simpson
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal

from vaelab.bundle import Bundle
from vaelab.bundle.graph import interpret
from vaelab.runs.lookup import load_experiment
from vaelab.training import train

WEB = Path(__file__).parents[2] / "web"
CALM = "figures={every_epoch: [], at_end: []}"
IMAGES = (0, 100)
SIDE = {1: 20_001, 2: 201}
"""Places along each dimension."""
NEGLIGIBLE = 30.0
"""Nats below the largest density."""
Density = Callable[[torch.Tensor], torch.Tensor]
pytestmark = pytest.mark.slow


def prior_of(step: dict[str, Any], d: int) -> MixtureSameFamily:
    told = step["prior"]
    if told is None:
        loc, scale, weights = torch.zeros(1, d), torch.ones(1, d), [1.0]
    else:
        parts = np.frombuffer(b64decode(told["parts"]), "<i2").reshape(-1, 2, d)
        loc = torch.from_numpy(parts[:, 0] * told["loc_unit"])
        scale = torch.from_numpy(np.exp(parts[:, 1] * told["log_scale_unit"]))
        weights = told["weights"]
    parts_of = Independent(Normal(loc.double(), scale.double()), 1)
    return MixtureSameFamily(Categorical(torch.tensor(weights, dtype=torch.float64)), parts_of)


def integral(log_joint: Density, d: int) -> float:
    """The log of the integral of exp(log_joint), over a box that is drawn in on its mass twice."""
    low, high = np.full(d, -9.0), np.full(d, 9.0)
    for _ in range(3):
        axes = [np.linspace(*ends, SIDE[d]) for ends in zip(low, high, strict=True)]
        z = torch.from_numpy(np.stack(np.meshgrid(*axes, indexing="ij"), -1)).reshape(-1, d)
        values = torch.cat([log_joint(part) for part in z.split(20_000)])
        inside = z[values > values.max() - NEGLIGIBLE].numpy()
        margin = 2 * (high - low) / SIDE[d]
        low, high = inside.min(0) - margin, inside.max(0) + margin
    top = values.max()
    total = (values - top).exp().reshape([SIDE[d]] * d).numpy()
    for axis in reversed(axes):
        total = simpson(total, x=axis, axis=-1)
    return float(top) + float(np.log(total))


def elbo(log_joint: Density, loc: torch.Tensor, scale: torch.Tensor) -> float:
    """By Gauss and Hermite's quadrature."""
    places, weights = np.polynomial.hermite_e.hermegauss(60)
    d = len(loc)
    grid = torch.from_numpy(np.stack(np.meshgrid(*[places] * d), -1)).reshape(-1, d)
    mass = torch.from_numpy(np.stack(np.meshgrid(*[weights] * d), -1)).reshape(-1, d).prod(-1)
    mean = (mass * log_joint(loc + scale * grid)).sum() / mass.sum()
    return float(mean + Independent(Normal(loc, scale), 1).entropy())


@pytest.mark.parametrize(
    "assignments",
    [
        ("model.latent=2",),
        ("model.latent=1", "data.pixels=binary", "model.likelihood=bernoulli",
         "model.decoder.output_activation=identity"),
        ("model.latent=2", "model.prior={kind: mixture, components: 5}"),
        ("model.latent=2", "model.likelihood={kind: gaussian, scale: 0.02}",
         "model.condition={encoder: one_hot, decoder: one_hot}"),
        ("model.likelihood={kind: gaussian, scale: per_pixel, floor: 0.05}",
         "model.decoder.output_activation=identity"),
    ],
    ids=["normal", "one dimension, Bernoulli", "mixture", "conditional, narrow",
         "a scale per pixel"],
)  # fmt: skip
def test_the_evidence_is_that_of_a_quadrature(assignments: tuple[str, ...], tmp_path: Path) -> None:
    npx = shutil.which("npx")
    if npx is None or not (WEB / "node_modules").is_dir():
        pytest.skip("Node and web/node_modules are needed: `make page` installs them")
    words = [*assignments, "training.epochs=12", "explorer.keep=2", CALM]
    experiment, _ = load_experiment("digits", words)
    bundle = Bundle(train(experiment, tmp_path).run)
    manifest = bundle.manifest()
    step, d = manifest["steps"][-1], manifest["latent"]
    graphs = bundle.graphs()
    encoder, decoder = graphs.encoder, graphs.decoder
    single = torch.from_numpy(bundle.weights(step["index"]))
    split = experiment.data.load().test
    prior = prior_of(step, d)
    found = []
    for image in IMAGES:
        x = torch.from_numpy(split.images[image]) / 255
        x = x.round() if manifest["likelihood"]["kind"] == "bernoulli" else x
        label = torch.eye(10)[[int(split.labels[image])]]
        codes = interpret(encoder, single, {"x": x[None], "class": label})

        def log_joint(z: torch.Tensor, x: torch.Tensor = x, label: torch.Tensor = label) -> Any:
            given = {"z": z, "class": label.double().expand(len(z), -1)}
            pixels = interpret(decoder, single.double(), given)
            mean, scale = pixels["mean"], pixels.get("scale", step["scale"])
            if scale is None:
                likelihood: Any = Bernoulli(mean, validate_args=False)
            else:
                likelihood = Normal(mean, scale)
            return Independent(likelihood, 3).log_prob(x.double()) + prior.log_prob(z)

        found.append({
            "image": image, "label": int(label.argmax()), "x": x.flatten().tolist(),
            "loc": codes["loc"][0].tolist(), "scale": codes["scale"][0].tolist(),
            "logEvidence": integral(log_joint, d),
            "elbo": elbo(log_joint, codes["loc"][0].double(), codes["scale"][0].double()),
        })  # fmt: skip
    case = {"manifest": manifest, "index": step["index"], "found": found}
    (bundle.folder / "evidence.json").write_text(json.dumps(case))
    done = subprocess.run(
        [npx, "vitest", "run", "src/evidence/evidence.test.ts"], cwd=WEB, capture_output=True,
        text=True, env={**os.environ, "VAELAB_EVIDENCE": str(bundle.folder)},
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(IMAGES)} images agree" in done.stdout
