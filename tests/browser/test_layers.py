"""What each layer makes of the probed image, beside what PyTorch makes of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import relu

from tests.browser.conftest import Tab
from vaelab.bundle import Bundle
from vaelab.runs.run import Run


def test_layers_are_computed_where_they_are_shown(
    tab: Tab, site: Callable[[str], str], runs: Path
) -> None:
    run = Run(runs / "plain")
    (best,) = (step for step in Bundle(run).steps() if step["best"])
    assert best["step"] == run.about_weights()["step"]
    tab.open(site("plain"))
    tab.by("step-best").click()
    tab.until(f"vaelab.step === {best['step']}")
    assert tab.get("vaelab.traced") is None
    tab.page.locator("#layers-title").click()
    tab.until("vaelab.traced !== null")

    model, _ = run.load_model()
    images = run.images("test").images[:1]
    with torch.no_grad():
        q = model.encode(images)
        p = model.decode(q.mean)
        encoder, decoder = model.encoder.trunk.stack, model.decoder.trunk.stack
        first = relu(encoder[1](torch.from_numpy(images).flatten(1) / 255))
        second = relu(encoder[3](first))
        third = relu(decoder[0](q.mean))
        fourth = relu(decoder[2](third))
    told = tab.get("vaelab.traced")
    for part, wanted in (
        ("encoder", [first, second, q.mean, q.stddev]),
        ("decoder", [third, fourth, p.mean]),
    ):
        for values, truth in zip(told[part], wanted, strict=True):
            np.testing.assert_allclose(values, truth.numpy().ravel()[: len(values)], atol=5e-3)

    words = tab.by("layers").inner_text()
    assert "parameters" in words
    assert tab.by("layers").locator("canvas").count() == len(told["encoder"]) + len(told["decoder"])
    tab.page.keyboard.press("]")
    before = told["encoder"][0][0]
    tab.until(f"vaelab.traced.encoder[0][0] !== {before}")
    tab.page.locator("#layers-title").click()
    tab.until("vaelab.traced === null")
