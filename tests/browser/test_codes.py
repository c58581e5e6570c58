"""Models whose code is no vector: what the page shows of them, and does with them."""

from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import Tab, made
from tests.browser.test_saved import AXE, decoded
from vaelab.bundle import Bundle
from vaelab.explorer.export import export_single_file
from vaelab.runs.run import Run


@pytest.fixture(scope="module")
def vq(tmp_path_factory: pytest.TempPathFactory) -> Run:
    words = ["task_name=vq", "model={kind: vq, codes: 12, latent: 4}"]
    return made(tmp_path_factory.mktemp("codes"), *words, "training.epochs=3")


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
