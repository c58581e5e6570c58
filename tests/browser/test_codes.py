"""Models whose code is no vector: what the page shows of them, and does with them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from tests.browser.conftest import Served, Tab, made
from tests.browser.test_saved import AXE, decoded
from vaelab.bundle import Bundle
from vaelab.bundle.graph import interpret
from vaelab.bundle.images import BundleImages
from vaelab.explorer.export import export_single_file
from vaelab.runs.run import Run


@pytest.fixture(scope="module")
def vq(tmp_path_factory: pytest.TempPathFactory) -> Run:
    words = ["task_name=vq", "model={kind: vq, codes: 12, latent: 4}"]
    return made(tmp_path_factory.mktemp("codes"), *words, "training.epochs=3")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Run:
    model = "model={kind: hierarchical, latent: 5, top: {latent: 2, widths: [32]}}"
    words = ["task_name=two", model, "model.likelihood.kind=gaussian"]
    return made(tmp_path_factory.mktemp("codes"), *words, "training.epochs=20")


def exported(run: Run, folder: Path) -> str:
    return export_single_file(Bundle(run), folder / "page.html").as_uri()


def accessible(tab: Tab) -> None:
    tab.get(AXE.read_text())
    for theme in ("light", "dark"):
        tab.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        tab.page.wait_for_timeout(200)
        found = tab.get(
            "axe.run().then((result) => result.violations.map((one) => "
            "[one.impact, one.id, one.nodes.map((node) => node.html + node.failureSummary)]))"
        )
        assert [one for one in found if one[0] != "minor"] == [], theme


def shown(tab: Tab) -> list[int]:
    """The entries in the grid."""
    return tab.get("Array.from(document.querySelectorAll('.cell'), (one) => +one.innerText)")


def test_an_entry_is_exchanged_and_decoded_at_once(tab: Tab, vq: Run, tmp_path: Path) -> None:
    tab.open(exported(vq, tmp_path), "look")
    tab.until("vaelab.check !== null && vaelab.probed !== null")
    assert tab.get("vaelab.check.ok")
    code = shown(tab)
    assert code == tab.get("vaelab.probed.loc")
    index = tab.get("vaelab.index")
    use = np.frombuffer(Bundle(vq).read(f"codes/{index:04}.i16"), "<u2")
    counts = np.bincount(use, minlength=12)
    shares = counts[counts > 0] / counts.sum()
    perplexity = float(np.exp(-(shares * np.log(shares)).sum()))
    assert float(tab.by("perplexity").inner_text()) == pytest.approx(perplexity, abs=0.05)
    assert tab.page.locator(".tile").count() == 12
    assert tab.page.locator(".tile.unused").count() == (counts == 0).sum()

    # by the pointer: a place, then an entry of the codebook
    other = next(entry for entry in range(12) if counts[entry] and entry != code[3])
    tab.by("place-3").click()
    tab.by(f"entry-{other}").click()
    code[3] = other
    assert shown(tab) == code
    tab.until("vaelab.pinned !== null")
    pixels = decoded(vq.path, index, [float(entry) for entry in code])
    np.testing.assert_allclose(tab.get("vaelab.pinned.x"), pixels, atol=1e-3)
    tab.page.mouse.move(5, 300)
    painted = np.array(tab.pixels("code-decoded"))
    np.testing.assert_allclose(painted, 255 * pixels.clip(0, 1), atol=1.01)
    tab.until(f"location.hash.includes('z={'_'.join(map(str, code))}')")

    # by the keyboard: arrows to a place, Enter, arrows through the codebook, Escape
    tab.by("place-3").focus()
    tab.page.keyboard.press("ArrowUp")
    tab.page.keyboard.press("Enter")
    at = tab.get("+document.activeElement.dataset.entry")
    assert at == code[1]
    order = np.argsort(-counts, kind="stable").tolist()
    key, by = ("ArrowRight", 1) if order.index(at) < 11 else ("ArrowLeft", -1)
    tab.page.keyboard.press(key)
    code[1] = order[order.index(at) + by]
    assert shown(tab) == code
    tab.page.keyboard.press("Escape")
    assert tab.get("document.activeElement.id") == "place-1"
    tab.by("code-reset").click()
    assert shown(tab) == tab.get("vaelab.probed.loc")

    # another image, an own drawing, another step
    tab.page.keyboard.press("]")
    tab.until("vaelab.view.probe.index === 1")
    pad = tab.by("pad").bounding_box()
    tab.drag(*((pad["x"] + 20 + 9 * i, pad["y"] + 30 + 5 * i) for i in range(6)))
    tab.until("vaelab.view.probe.kind === 'drawing'")
    tab.by("place-0").click()
    tab.by(f"entry-{order[1]}").click()
    tab.page.keyboard.press(",")
    tab.until(f"vaelab.index === {index - 1} && vaelab.view.z === null")
    tab.show("measure")
    accessible(tab)


def test_an_image_is_taken_apart_level_by_level(tab: Tab, two: Run, tmp_path: Path) -> None:
    tab.open(exported(two, tmp_path), "play")
    tab.until("vaelab.check !== null && vaelab.probed !== null")
    assert tab.get("vaelab.check.ok")
    tab.page.keyboard.press("]")
    tab.until("vaelab.view.probe.index === 1")
    tab.rest()

    # pictures and numbers by PyTorch, from the rounded weights of the step that is shown
    bundle, index = Bundle(two), tab.get("vaelab.index")
    graphs, weights = bundle.graphs(), torch.from_numpy(bundle.weights(index))
    x, none = picture(bundle, 1), torch.zeros(1, 0)
    q1 = interpret(graphs.encoder, weights, {"x": x})
    both = interpret(graphs.decoder, weights, {"z": q1["loc"]})["mean"].flatten().numpy()
    top = graphs.encode(weights, x, none)
    np.testing.assert_allclose(tab.get("vaelab.probed.loc"), top["loc"][0], atol=1e-3)
    upper = graphs.decode(weights, top["loc"], none)["mean"].flatten().numpy()
    for name, wanted in (("both-levels", both), ("upper-alone", upper)):
        np.testing.assert_allclose(tab.pixels(name), 255 * wanted.clip(0, 1), atol=1.01)

    torch.manual_seed(0)
    draws = 20_000
    z1 = q1["loc"] + q1["scale"] * torch.randn(draws, 5)
    q2 = interpret(graphs.upwards, weights, {"z": z1})
    z2 = q2["loc"] + q2["scale"] * torch.randn(draws, 2)
    p1 = interpret(graphs.downwards, weights, {"z": z2})
    first = (Normal(*q1.values()).log_prob(z1) - Normal(*p1.values()).log_prob(z1)).sum(1)
    second = kl_divergence(Normal(*q2.values()), Normal(0.0, 1.0)).sum(1)
    for name, values in (("lower-rate", first), ("upper-rate", second)):
        shown = float(tab.by(f"level-{name}").inner_text().replace("−", "-"))
        spread = values.std().item() / np.sqrt(64)
        assert shown == pytest.approx(values.mean().item(), abs=5 * spread + 0.06)

    # rows of draws: others when they are asked for; one of the plane's codes is gone to
    before = first_row(tab, "held")
    tab.by("levels-again").click()
    tab.until(f"JSON.stringify({ROW.format('held')}) !== {json.dumps(json.dumps(before))}")
    tab.page.locator("[data-testid=varied] button").nth(2).focus()
    tab.page.keyboard.press("Enter")
    tab.until("vaelab.pinned !== null && vaelab.view.z.some((entry) => entry !== 0)")
    wanted = decoded_levels(bundle, index, tab.get("vaelab.view.z"))
    np.testing.assert_allclose(tab.get("vaelab.pinned.x"), wanted, atol=1e-3)
    tab.rest()
    third = tab.get(ROW.format("varied").replace("canvas", "button:nth-child(3) canvas"))
    np.testing.assert_allclose(third, 255 * wanted.clip(0, 1), atol=1.01)
    accessible(tab)
    tab.show("measure")
    accessible(tab)
    level1 = bundle.steps()[-1]["readings"]["rate_level1_nats"]
    text = tab.by("reading-level1").inner_text().replace("−", "-")
    assert float(text) == pytest.approx(level1, abs=0.006)


ROW = """(() => {{ const c = document.querySelector('[data-testid={}] canvas');
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
    return Array.from(d).filter((_, i) => i % 4 === 3) }})()"""


def first_row(tab: Tab, row: str) -> list[int]:
    """Ink of the first picture in a row."""
    return tab.get(ROW.format(row))


def picture(bundle: Bundle, image: int) -> torch.Tensor:
    """A test image as the page has it."""
    experiment = bundle.run.experiment
    store = experiment.data.load()
    images = BundleImages(store, experiment.data.pixels, 10, torch.device("cpu"))
    byte = next(images.loader.batches(image + 1)).x[image : image + 1].mul(255).round()
    return byte / 255


def decoded_levels(bundle: Bundle, index: int, z: list[float]) -> np.ndarray:
    """What PyTorch makes of an upper code."""
    weights = torch.from_numpy(bundle.weights(index))
    codes = torch.tensor([z])
    return bundle.graphs().decode(weights, codes, torch.zeros(1, 0))["mean"].flatten().numpy()


@pytest.mark.parametrize("base", ["vq", "hierarchical"])
def test_it_is_trained_from_the_form_and_seen_as_it_trains(
    tab: Tab, served: Served, base: str
) -> None:
    tab.open(served.address)
    tab.until("document.querySelector('[data-testid=new-run]')")
    tab.by("new-run").click()
    tab.by("axis-objective.beta").fill("3")
    tab.by("base").select_option(base)
    fields = {key: tab.by(f"axis-{key}").count() for key in (
        "objective.beta", "model.prior", "model.condition", "model.codes", "model.top.latent"
    )}  # fmt: skip
    lacks = {"objective.beta", "model.prior", "model.condition"} if base == "vq" else set()
    other = "model.top.latent" if base == "vq" else "model.codes"
    assert {key for key, count in fields.items() if not count} == lacks | {other}
    if base == "vq":
        assert "mlp" not in tab.by("axis-model.encoder").inner_text()
    tab.by("axis-data").select_option(label="digits, unit pixels")
    tab.by("axis-model.likelihood").select_option(label="gaussian")
    tab.by("axis-training.epochs").fill("400")
    tab.by("start").click()
    tab.until(f"vaelab.run === '{base}' && vaelab.index === null && vaelab.step > 5")
    assert tab.by("beta").count() == tab.by("beta-slider").count() == (base == "hierarchical")
    step = tab.get("vaelab.step")
    tab.until(f"vaelab.step > {step} && vaelab.probed !== null")
    if base == "vq":
        assert len(shown(tab)) == len(tab.get("vaelab.probed.loc")) == 4
    else:
        tab.until("document.querySelector('[data-testid=levels]')")
    tab.by("learning-rate").fill("0.001")
    tab.by("learning-rate").press("Enter")
    tab.until("vaelab.training.learning_rate === 0.001")
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended' && vaelab.view.step === 'last' && vaelab.ready")
    assert tab.get("vaelab.run") == base
    tab.page.goto("about:blank")
    tab.errors.clear()  # it hears no more of the server
