"""Models given as objects on the page, and README and examples as they stand."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import torch
from torch import nn

import vaelab
from tests.test_fit import QUICK, Two, X, Y, networks
from vaelab.bundle import Bundle
from vaelab.bundle.graph import interpret
from vaelab.data import Domain
from vaelab.errors import BadValueError
from vaelab.models import Explorable, HierarchicalConfig, LatentVariableModel, VQConfig
from vaelab.models.base import BaseModel
from vaelab.networks import ConvEncoder, MLPEncoder

ROOT = Path(__file__).parents[1]


def convolutions() -> tuple[nn.Module, nn.Module]:
    encoder = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(), nn.Dropout()),
        nn.Flatten(), nn.Linear(64, 4),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(2, 64), nn.Unflatten(1, (4, 4, 4)), nn.SiLU(), nn.ConvTranspose2d(4, 1, 4, 2, 1),
        nn.Sigmoid(),
    )  # fmt: skip
    return encoder, decoder


def trained(folder: Path, model: LatentVariableModel, **given: Any) -> vaelab.Run:
    given = {"data": (X, Y), **given}
    return vaelab.fit(
        model, *QUICK, "explorer.keep=2", folder=folder, epochs=1, quiet=True, **given
    )


@pytest.mark.parametrize("domain", [None, "real", "signed"])
@pytest.mark.parametrize("make", [networks, convolutions])
def test_modules_of_pytorch_are_exported(make: Any, domain: str | None, tmp_path: Path) -> None:
    model = vaelab.VAE(*make())
    data = {None: X, "real": X / 10 - 3, "signed": X / 127.5 - 1}[domain]
    run = trained(tmp_path, model, data=data, domain=domain)
    bundle = Bundle(run)
    bundle.check()
    graphs = bundle.graphs()
    encoder, decoder = graphs.encoder, graphs.decoder
    last = len(bundle.steps()) - 1
    weights = torch.from_numpy(bundle.weights(last))
    z = torch.randn(3, 2)
    with torch.no_grad():
        mean, posterior = model.decode(z).mean, model.encode(data[:3])
    low, high = {None: (0, 1), "real": (-3, 22.5), "signed": (0, 1)}[domain]
    seen = interpret(decoder, weights, {"z": z})["mean"]
    torch.testing.assert_close(low + seen * (high - low), mean, atol=0.03 * (high - low), rtol=0)
    assert bundle.manifest()["data"]["domain"] == {"signed": "signed"}.get(domain or "", "unit")
    x = torch.from_numpy((data[:3, None] - low) / (high - low)).float()
    if domain is None:
        x = torch.from_numpy(X[:3, None] / 255).float()
    codes = interpret(encoder, weights, {"x": x})
    torch.testing.assert_close(codes["loc"], posterior.mean, atol=0.05, rtol=0.05)


LEVELS = HierarchicalConfig(latent=6, encoder=MLPEncoder(widths=(8,)))
GRID = VQConfig(latent=3, codes=8, encoder=ConvEncoder(channels=(4,), kernels=(2,), strides=(2,)))


@pytest.mark.parametrize("config", [LEVELS, GRID], ids=["hierarchical", "vq"])
def test_codes_that_are_no_vector_are_exported(config: BaseModel, tmp_path: Path) -> None:
    model = config.build((1, 8, 8), Domain.UNIT, 1)
    run = trained(tmp_path, model)
    bundle = Bundle(vaelab.Run(run.path))  # the object is not needed
    assert bundle.run.experiment.model.explorable
    bundle.check()
    assert isinstance(model, Explorable)
    x = torch.from_numpy(X[:5, None] / 255).float()
    graphs, weights = bundle.graphs(), torch.from_numpy(bundle.weights(1))
    codes = interpret(graphs.encoder, weights, {"x": x})
    with torch.no_grad():
        z, _ = model.to_numbers(x)
        mean = model.of_numbers(z).mean
    if graphs.upwards is None or graphs.downwards is None:
        assert (codes["entries"] == z).float().mean() > 0.9
    else:
        upper = interpret(graphs.upwards, weights, {"z": codes["loc"]})["loc"]
        torch.testing.assert_close(upper, z, atol=0.05, rtol=0.05)
        z = interpret(graphs.downwards, weights, {"z": upper})["loc"]
    seen = interpret(graphs.decoder, weights, {"z": z.float()})["mean"]
    torch.testing.assert_close(seen, mean, atol=0.03, rtol=0)


def test_other_modules_are_named_and_computed_by_the_server(tmp_path: Path) -> None:
    run = trained(tmp_path, vaelab.VAE(Two(), networks()[1]))
    with pytest.raises(BadValueError, match="the layer `Two` has no operation"):
        Bundle(vaelab.Run(run.path)).graphs()


def test_explore_serves_until_it_is_stopped(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<title>vaelab</title>")
    monkeypatch.setattr("vaelab.explorer.serve.page_folder", lambda: page)
    run = trained(tmp_path, vaelab.VAE(*networks()))
    served = vaelab.explore(run, port=None)
    try:
        assert capsys.readouterr().out == f"the explorer is at {served.address}\n"
        assert repr(served) in (f"the explorer is at {served.address}",)
        with urlopen(served.address, timeout=20) as answer:
            assert answer.status == 200
    finally:
        served.stop()
    with pytest.raises(OSError, match="refused"):
        urlopen(served.address, timeout=5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["callback", "objects"])
def test_the_examples_run(name: str, tmp_path: Path) -> None:
    said = python(tmp_path, (ROOT / "examples" / f"{name}.py").read_text())
    assert {"callback": "epoch 5: codes have moved by", "objects": "samples: (16, 1, 8, 8)"}[
        name
    ] in said


@pytest.mark.slow
def test_the_notebook_of_the_readme_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    arrays, encoder = [one for one in blocks if "vaelab.fit" in one]
    for block in (arrays, encoder):
        assert len([line for line in block.splitlines() if line.strip()]) <= 12
    python(tmp_path, arrays + encoder + "print(run)")
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"arrays", "own"}
    assert (tmp_path / "runs" / "own" / "evaluation.json").is_file()


def python(folder: Path, program: str) -> str:
    (folder / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
