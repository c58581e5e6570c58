"""The page's kernel computes what PyTorch computes, for every shipped config that it shows."""

import json
import os
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vaelab.bundle.export import export
from vaelab.data.loading.evaluation import class_context
from vaelab.runs.lookup import load_experiment
from vaelab.runs.names import shipped_configs

WEB = Path(__file__).parents[2] / "web"
POINTS = 100
VARIANTS = {
    "conditional digits": ("digits", "model.condition={encoder: planes, decoder: one_hot}"),
    "continuous Bernoulli, abs": (
        "digits",
        "model.likelihood.kind=continuous_bernoulli",
        "model.decoder.output_activation=identity",
        "model.posterior.scale=abs",
    ),
    "resnet without norm, film": (
        "resnet",
        "model.encoder={kind: resnet, widths: [4, 8], blocks: 1, norm: none, activation: silu}",
        "model.condition={encoder: film, decoder: film}",
    ),
    "two levels, conditional": (
        "hierarchical",
        "model.condition={encoder: one_hot, decoder: film}",
    ),
    "a codebook, resnet": (
        "vq",
        "model.encoder={kind: resnet, widths: [4, 8], blocks: 1}",
        "model.codes=20",
    ),
    "a scale per pixel": (
        "mnist",
        "model.likelihood={kind: laplace, scale: per_pixel}",
        "model.decoder.output_activation=identity",
    ),
    "gelu, overlapping": (
        "mnist",
        "model.encoder={kind: conv, channels: [8, 12], kernels: [3, 5], strides: [1, 2],"
        " paddings: [1, 2], activation: gelu}",
        "model.decoder=null",
    ),
}


def base64(values: Any) -> str:
    return b64encode(np.ascontiguousarray(values).tobytes()).decode()


def case(name: str, config: str, *assignments: str) -> dict[str, Any]:
    """A model after a step of noise on its weights and statistics, and what PyTorch makes of it."""
    experiment, _ = load_experiment(config, assignments)
    side = 8 if experiment.data.kind == "digits" else 28
    torch.manual_seed(0)
    domain = experiment.data.pixels.domain
    model = experiment.model.build((1, side, side), domain, 10).eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point() and (tensor.dim() == 1 or not tensor.any()):
                tensor += 0.1 * torch.rand_like(tensor)
    lowered = export(model)
    exact = torch.from_numpy(lowered.weights()).float()
    half = exact.half().float()
    z = torch.randn(POINTS, model.latent)
    if model.entries:
        z = torch.randint(model.entries, z.shape).float()
    x = experiment.data.pixels(torch.randint(256, (20, 1, side, side), dtype=torch.uint8))
    labels = torch.arange(POINTS) % 10
    context = class_context(labels, 10)
    decoded = [lowered.decode(weights, z, context) for weights in (half, exact)]
    means = [one["mean"] for one in decoded]
    codes = lowered.encode(exact, x, context[:20])
    with torch.no_grad():
        whole = model.of_numbers(z, context if model.classes else None)
    assert (means[1] - whole.mean).abs().max() < 1e-4
    scale = decoded[1].get("scale")
    if scale is not None:
        torch.testing.assert_close(scale, whole.base_dist.scale, atol=1e-6, rtol=1e-4)
    manifest = {
        "weights": len(exact), "latent": model.latent, "unsupported": None,
        "data": {"shape": [1, side, side], "classes": [str(k) for k in range(10)]},
        "encoder": lowered.encoder.to_json(), "decoder": lowered.decoder.to_json(),
    }  # fmt: skip
    if lowered.upwards and lowered.downwards:
        between = {"upwards": lowered.upwards, "downwards": lowered.downwards}
        manifest["levels"] = {name: graph.to_json() for name, graph in between.items()}
        manifest["levels"]["lower"] = model.latents[0]
    return {
        "name": name, "manifest": manifest, "half": base64(exact.half()), "single": base64(exact),
        "z": base64(z), "x": base64(x),
        "classes": labels.tolist() if model.classes else None,
        "decodedHalf": base64(means[0]), "decodedSingle": base64(means[1]),
        "spreadSingle": base64(torch.empty(0) if scale is None else scale),
        "locSingle": base64(codes["entries"] if model.entries else codes["loc"]),
        "scaleSingle": base64(codes.get("scale", torch.empty(0))),
    }  # fmt: skip


@pytest.mark.slow
def test_the_kernel_agrees_with_pytorch_on_every_shipped_config(tmp_path: Path) -> None:
    npx = shutil.which("npx")
    if npx is None or not (WEB / "node_modules").is_dir():
        pytest.skip("Node and web/node_modules are needed: `make page` installs them")
    shown = [name for name in shipped_configs() if load_experiment(name)[0].model.explorable]
    wanted = {name: (name,) for name in shown} | VARIANTS
    cases = [case(name, *words) for name, words in wanted.items()]
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases))
    done = subprocess.run(
        [npx, "vitest", "run", "src/model/parity.test.ts", "--reporter=verbose"],
        cwd=WEB, env={**os.environ, "VAELAB_PARITY": str(path)}, capture_output=True, text=True,
    )  # fmt: skip
    print("\n".join(line for line in done.stdout.splitlines() if "float16" in line))
    assert done.returncode == 0, done.stdout + done.stderr
    for name in wanted:
        assert f"{name} wasm: float16" in done.stdout
        assert f"{name} plain: float16" in done.stdout
