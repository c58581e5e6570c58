"""What the page shows of distributions: exact posterior, draws, norms; and own pictures."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy.stats import chi

from tests.browser.conftest import Tab
from vaelab.runs.run import Run

Site = Callable[[str], str]


def number(text: str) -> float:
    found = re.search(r"[−-]?\d+\.\d+", text)
    assert found is not None, text
    return float(found.group().replace("−", "-"))


def test_the_exact_posterior_and_the_gap(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "look")
    assert tab.by("row-evidence").count() == 0
    tab.by("layer-exact").click()
    tab.until("vaelab.evidence !== null")
    found = tab.get("vaelab.evidence")
    assert found["change"] < 0.01
    assert 0 < found["logEvidence"] - found["elbo"] < 5
    places = np.array(found["contours"][0]).reshape(-1, 2)
    loc, scale = (np.array(tab.get(f"vaelab.probed.{name}")) for name in ("loc", "scale"))
    assert (np.abs(places.mean(0) - loc) < 3 * scale).all()
    said = tab.by("row-evidence").inner_text()
    assert number(said) == pytest.approx(found["logEvidence"], abs=0.006)
    assert f"{found['logEvidence'] - found['elbo']:.2f}" in said
    assert number(tab.by("row-elbo").inner_text()) == pytest.approx(found["elbo"], abs=0.006)
    tab.by("row-evidence").press("Enter")
    assert f"{found['decoded']:,} codes" in tab.by("formula").inner_text()
    tab.by("row-evidence").press("Escape")
    tab.page.keyboard.press("]")
    tab.until(f"vaelab.evidence && vaelab.evidence.logEvidence !== {found['logEvidence']}")
    tab.show("measure")
    assert number(tab.by("reading-evidence").inner_text()) == pytest.approx(
        tab.get("vaelab.evidence.logEvidence"), abs=0.006
    )
    for x in np.linspace(-1, 1, 40):  # many images, none of which the pointer rests on
        tab.page.mouse.move(*tab.at(x, 0.3))
    assert np.percentile(tab.get("vaelab.latency.hover"), 95) <= 8 * 4
    tab.page.keyboard.press("x")
    tab.until("vaelab.evidence === null")
    assert "exact" not in tab.page.url or not tab.get("vaelab.view.layers.exact")


def test_the_gaps_of_all_images(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    tab.by("layer-gap").click()
    tab.until("vaelab.gaps !== null")
    words = tab.by("gaps").inner_text()
    assert re.fullmatch(r"mean gap [\d.]+ nats, full colour [\d.]+ · .*\d images", words)
    tab.until("vaelab.gaps.done === vaelab.gaps.total")
    gaps = tab.get("vaelab.gaps.of")
    known = np.array([gap for gap in gaps if gap is not None])
    assert len(known) == min(300, tab.get("vaelab.count"))
    assert (known > -0.01).all()
    assert f"mean gap {known.mean():.2f} nats" in tab.by("gaps").inner_text()
    tab.by("layer-exact").click()
    tab.until("vaelab.evidence !== null")
    one = tab.get("vaelab.evidence")
    assert gaps[0] == pytest.approx(one["logEvidence"] - one["elbo"], abs=0.02)

    tab.page.locator("#plane").focus()
    tab.page.keyboard.press(",")  # another step has other gaps
    tab.until("vaelab.gaps === null || vaelab.gaps.done < vaelab.gaps.total")
    tab.by("layer-gap").click()
    tab.until("vaelab.gaps === null")


def test_in_lecture_mode_log_p_has_a_place(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "look")
    tab.page.keyboard.press("k")
    assert tab.by("lecture-evidence").count() == 0
    tab.page.keyboard.press("x")
    tab.until("vaelab.evidence !== null")
    said = number(tab.by("lecture-evidence").inner_text())
    assert said == pytest.approx(tab.get("vaelab.evidence.logEvidence"), abs=0.06)
    words = [tab.by("lecture-evidence").bounding_box(), tab.by("row").bounding_box()]
    assert words[0]["y"] + words[0]["height"] <= words[1]["y"]


def test_the_key_says_why_there_is_no_exact_posterior(tab: Tab, site: Site) -> None:
    tab.open(site("styles"), "look")
    tab.page.keyboard.press("x")
    assert "more than two dimensions" in tab.by("notice").inner_text()
    assert not tab.get("vaelab.view.layers.exact")
    tab.page.keyboard.press("q")
    assert "more than two dimensions" in tab.by("notice").inner_text()
    tab.until("document.querySelector('[data-testid=notice]') === null", seconds=20)


def test_more_dimensions_have_no_exact_posterior(tab: Tab, site: Site) -> None:
    tab.open(site("styles"), "look")
    assert tab.by("layer-exact").count() == 0
    tab.page.keyboard.press("x")
    tab.page.wait_for_timeout(300)
    assert tab.get("vaelab.evidence") is None


def test_noise_falls_and_is_carried_to_the_code(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "look")
    tab.until("vaelab.probed !== null")
    tab.page.mouse.move(1, 1)
    mean = tab.by("row-z").inner_html()
    tab.by("row-draw").click()
    tab.until("vaelab.falling !== null")
    tab.until("vaelab.falling === null && vaelab.marks.length === 1")
    assert tab.by("row-z").inner_html() != mean
    loc, scale = (tab.get(f"vaelab.probed.{name}") for name in ("loc", "scale"))
    z = tab.get("vaelab.marks[0]")
    tab.by("row-code").press("Enter")
    words = tab.by("formula").inner_text()
    noise = (z[0] - loc[0]) / scale[0]
    for value in (loc[0], scale[0], noise, z[0]):
        assert f"{value:.2f}".replace("-", "−") in words
    tab.by("row-draw-ten").click()
    tab.until("vaelab.marks.length === 10 && vaelab.falling === null")
    assert len({tuple(mark) for mark in tab.get("vaelab.marks")}) == 10
    tab.by("mean").click()
    tab.until("vaelab.marks.length === 0")


def test_nothing_falls_where_motion_is_reduced(tab: Tab, site: Site) -> None:
    tab.page.emulate_media(reduced_motion="reduce")
    tab.open(site("plain"), "look")
    tab.until("vaelab.probed !== null")
    tab.get(
        "(() => { window.fell = 0; (function look() { window.fell += vaelab.falling !== null; "
        "requestAnimationFrame(look) })() })()"
    )
    tab.by("row-draw-ten").click()
    tab.until("vaelab.marks.length === 10")
    assert tab.get("window.fell") == 0


def test_norms_of_codes_and_of_the_point(tab: Tab, site: Site, runs: Path) -> None:
    tab.open(site("plain"))
    assert tab.by("norms").count() == 0
    tab.open(site("styles"))
    codes = Run(runs / "styles").codes("test")
    assert number(tab.by("norms-means").inner_text()) == pytest.approx(
        np.median(np.linalg.norm(codes.loc, axis=1)), abs=0.1
    )
    noise = np.random.default_rng(0).standard_normal(codes.loc.shape)
    drawn = np.median(np.linalg.norm(codes.loc + codes.scale * noise, axis=1))
    assert number(tab.by("norms-draws").inner_text()) == pytest.approx(drawn, abs=0.15)
    tab.by("typed-0").fill("2")
    tab.by("typed-0").press("Enter")
    tab.until("vaelab.view.z[0] === 2")
    away = np.linalg.norm(tab.get("vaelab.view.z"))
    assert f"{100 * chi.cdf(away, 4):.1f} %" in tab.by("norms-point").inner_text()


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def drop(tab: Tab, name: str, content: bytes) -> None:
    tab.page.evaluate(
        """([name, content]) => {
            const data = new DataTransfer()
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))
            data.items.add(new File([bytes], name))
            const about = { dataTransfer: data, bubbles: true, cancelable: true }
            const event = (kind) => new DragEvent(kind, about)
            document.body.dispatchEvent(event('dragover'))
            document.body.dispatchEvent(event('drop'))
        }""",
        [name, base64.b64encode(content).decode()],
    )


def test_a_picture_that_is_dropped_is_encoded(tab: Tab, site: Site, runs: Path) -> None:
    tab.open(site("plain"), "look")
    image = 20
    pixels = Run(runs / "plain").experiment.data.load().test.images[image, 0]
    tab.by("placed").uncheck()
    drop(tab, "digit.png", png(Image.fromarray(np.asarray(pixels))))
    tab.until("vaelab.view.probe.kind === 'drawing'")
    tab.until("vaelab.view.z.every((entry, k) => Math.abs(entry - vaelab.probed.loc[k]) < 1e-6)")
    assert tab.get("vaelab.probed.loc") == pytest.approx(tab.get(f"vaelab.loc({image})"), abs=2e-3)
    # ink on a large sheet of paper becomes a drawing again
    large = ImageOps.invert(Image.fromarray(np.asarray(pixels)).resize((240, 240)))
    sheet = Image.new("L", (500, 700), 240)
    sheet.paste(large, (60, 300))
    tab.by("placed").check()
    tab.by("own-picture").set_input_files(
        {"name": "sheet.png", "mimeType": "image/png", "buffer": png(sheet)}
    )
    tab.rest()
    seen = np.array(tab.pixels("probe-seen"), float).reshape(8, 8)
    assert np.corrcoef(seen.ravel(), np.asarray(pixels, float).ravel())[0, 1] > 0.85
    assert "picture" in tab.by("row").inner_text()


def test_what_is_no_picture_says_so_in_a_line(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "look")
    drop(tab, "notes.txt", b"no picture")
    tab.until("vaelab.problem !== null")
    assert tab.get("vaelab.problem").startswith("notes.txt: this is no picture")
    assert "\n" not in tab.get("vaelab.problem")
    assert tab.get("vaelab.view.probe.kind") == "image"
