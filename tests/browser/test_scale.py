"""A likelihood whose scale differs from pixel to pixel: its map, its draws, its nats."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Laplace

from tests.browser.conftest import Tab, made
from tests.browser.test_codes import accessible, exported
from vaelab.bundle import Bundle
from vaelab.bundle.images import BundleImages
from vaelab.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    words = ["task_name=scales", "model.likelihood={kind: laplace, scale: per_pixel, floor: 0.02}"]
    return made(tmp_path_factory.mktemp("scale"), *words)


def density(run: Run, index: int, z: list[float]) -> Independent:
    """p(x|z) by the kept weights."""
    bundle = Bundle(run)
    weights = torch.from_numpy(bundle.weights(index))
    found = bundle.graphs().decode(weights, torch.tensor([z]).float(), torch.zeros(1, 0))
    return Independent(Laplace(found["mean"][0], found["scale"][0]), 3)


def images_of(run: Run) -> torch.Tensor:
    data = run.experiment.data
    batches = BundleImages(data.load(), data.pixels, 10, torch.device("cpu")).loader.batches()
    return torch.cat([batch.x for batch in batches])


def painted(scale: np.ndarray) -> np.ndarray:
    return (255 * (scale - scale.min()) / (scale.max() - scale.min())).flatten()


def test_the_scale_is_a_map_and_its_draws_and_nats_are_those_of_the_density(
    tab: Tab, run: Run, tmp_path: Path
) -> None:
    tab.open(exported(run, tmp_path), "look")
    tab.until("vaelab.check !== null && vaelab.probed !== null && vaelab.pinned !== null")
    assert tab.get("vaelab.check.ok")
    index = tab.get("vaelab.index")

    here = density(run, index, tab.get("vaelab.pinned.z")).base_dist.scale.numpy()
    np.testing.assert_allclose(tab.pixels("here-scale"), painted(here), atol=1.5)
    loc = tab.get("vaelab.probed.loc")
    p = density(run, index, loc)
    scale = p.base_dist.scale.numpy()
    np.testing.assert_allclose(tab.pixels("probe-scale"), painted(scale), atol=1.5)
    words = tab.by("probe-scale").get_attribute("aria-label")
    least, most = (
        float(word) for word in words.removeprefix("scale of each pixel, ").split(" to ")
    )
    assert (least, most) == pytest.approx((scale.min(), scale.max()), abs=6e-3)

    shown = tab.get("vaelab.view.probe.index")
    lost = -p.log_prob(images_of(run)[shown]).item()
    told = tab.by("row-distortion").locator("b").inner_text()
    assert float(told.replace("−", "-").replace(",", "")) == pytest.approx(lost, abs=0.06)

    mean = np.array(tab.pixels("probe-decoded"))
    assert np.abs(np.array(tab.pixels("probe-draw")) - mean).mean() > 1
    side = tab.by("row-side")
    assert side.inner_text().strip() == "x̂"
    side.click()
    assert side.inner_text().strip() == "x"
    side.click()
    assert side.inner_text().strip() == "scale"
    np.testing.assert_allclose(tab.pixels("row-scale"), painted(scale), atol=1.5)
    tab.by("row-distortion").click()
    assert "each with its own s" in tab.by("formula").inner_text()

    tab.show("measure")
    sheet = "(() => { const c = document.querySelector('[data-testid=samples-sheet] canvas'); " \
        "return c.toDataURL() })()"  # fmt: skip
    before = tab.get(sheet)
    tab.by("samples-draw").click()
    tab.until(f"{sheet} !== {before!r}")
    tab.by("samples-mean").click()
    tab.until(f"{sheet} === {before!r}")
    accessible(tab)
