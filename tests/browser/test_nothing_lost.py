"""A finished run stays as it is, whatever is pressed on the page."""

import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.browser.conftest import Served, Tab, made
from vaelab.runs.run import Run
from vaelab.training.state import read_progress

SHOWN = "#v=1&run=done&path=straight~-1_0~1_0&probe=3&selected=1_2_3&depth=measure"
RUNNING = "['starting', 'playing', 'paused'].includes(vaelab.training?.phase)"
VISIBLE = """(() => {
  const all = 'button, a[href], summary, [role="button"], [type="submit"], [type="button"]'
  const dialog = document.querySelector('dialog[open]')
  const seen = new Map()
  window.pressable = new Map()
  for (const one of (dialog ?? document).querySelectorAll(all)) {
    if (one.disabled || !one.checkVisibility()) continue
    let name = one.dataset.testid || one.ariaLabel || one.textContent.trim().slice(0, 30)
    if (one.closest('[data-testid="train"], .start') && RUNNING) name = `while training: ${name}`
    if (dialog) name = `${dialog.ariaLabel}: ${name}`
    const count = (seen.get(name) ?? 0) + 1
    seen.set(name, count)
    window.pressable.set(count > 1 ? `${name} ${count}` : name, one)
  }
  const closes = (name) => Number(name.endsWith('Close'))
  return [...window.pressable.keys()].sort((a, b) => closes(a) - closes(b))
})()""".replace("RUNNING", RUNNING)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its pictures and its evaluation."""
    figures = "figures={every_epoch: [latent], at_end: [reconstruction]}"
    folder = tmp_path_factory.mktemp("done")
    run = made(folder, "task_name=done", "training.epochs=3", figures)
    run.evaluation_path.write_text('{"split": "test"}')
    return run.path


@pytest.fixture
def folder(done: Path, tmp_path: Path) -> Path:
    """A folder with that run alone."""
    shutil.copytree(done, tmp_path / "runs" / "done")
    return tmp_path / "runs"


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    served = Served(folder)
    yield served
    if served.process.poll() is None:
        served.stop()


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def go_home(tab: Tab) -> None:
    """The finished run with all panels: nothing trains, nothing is folded, no dialog is open."""
    tab.get("document.querySelectorAll('dialog[open]').forEach((one) => one.close())")
    if tab.get(RUNNING):
        # at once: a training may end by itself before the button is found
        tab.get("document.querySelector('[data-testid=stop]')?.click()")
        tab.until(f"!{RUNNING}")
    if tab.get(
        f"vaelab.run !== 'done' || vaelab.view.step !== null || location.hash !== '{SHOWN}'"
    ):
        tab.get(f"void (location.hash = '{SHOWN}&class=' + Date.now() % 1000)")
    tab.until("vaelab.ready && vaelab.run === 'done' && vaelab.view.selected.length === 3")
    tab.get("document.querySelectorAll('.panel.folded h2 button').forEach((one) => one.click())")


def press(tab: Tab, name: str) -> None:
    tab.get(f"window.pressable.get({name!r}).click()")
    tab.page.wait_for_timeout(30)
    tab.until("!vaelab.beginning && vaelab.training?.phase !== 'starting'")
    tab.until("document.querySelector('[data-testid=export-zip]:disabled') === null")


def test_every_button_pressed(served: Served, tab: Tab, folder: Path) -> None:
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    before = hashes(folder / "done")
    assert {"weights.safetensors", "metrics.jsonl", "evaluation.json"} < before.keys()
    assert len([name for name in before if name.startswith("output/")]) > 4
    tab.open(served.address)
    pressed: list[str] = []
    while True:
        go_home(tab)
        here = tab.get(VISIBLE)
        left = [name for name in here if name not in pressed]
        if not left:
            break
        while left:  # this one, and what it makes appear
            pressed.append(left[0])
            press(tab, left[0])
            left = [name for name in tab.get(VISIBLE) if name not in {*pressed, *here}]
        assert hashes(folder / "done") == before, pressed[-9:]
    print(f"{len(pressed)} buttons pressed, {len(list(folder.iterdir()))} runs now")
    assert {
        "play", "reset", "preset-VAE", "preset-latent 4", "new-run", "while training: reset",
        "while training: stop", "New run: start", "Share: export-file", "Share: export-zip",
    } <= set(pressed)  # fmt: skip
    assert len(pressed) > 80
    served.stop()
    assert hashes(folder / "done") == before
    tab.page.goto("about:blank")  # else it looks for the server, and tells of each failure
    tab.errors.clear()


def test_going_on_and_beginning_anew_make_siblings(served: Served, tab: Tab, folder: Path) -> None:
    before = hashes(folder / "done")
    tab.open(served.address)
    assert "stays as it is" in tab.by("choice").inner_text()
    tab.by("play").click()
    tab.until("vaelab.run === 'done-2' && vaelab.training.phase === 'ended'")
    copy = Run(folder / "done-2")
    assert read_progress(copy.resume_path).epoch == 6
    assert copy.metrics()[: len(Run(folder / "done").metrics())] == Run(folder / "done").metrics()
    tab.until("vaelab.ready && vaelab.view.step === 'last'")
    tab.by("reset").click()  # of the copy, which is finished now
    tab.until("vaelab.run === 'done-3' && vaelab.step === 0 && vaelab.index === null")
    assert tab.get("vaelab.training.phase") == "paused"
    assert tab.page.locator(".curve-names > span").count() == 0  # no curves of before
    tab.by("step-epoch").click()
    tab.until("vaelab.step === 21 && vaelab.training.phase === 'paused'")
    tab.by("reset").click()  # of one that is not finished, and was begun here: it is replaced
    tab.until("vaelab.run === 'done-3' && vaelab.step === 0 && vaelab.training.phase === 'paused'")
    tab.until("document.querySelectorAll('.curve-names > span').length === 0")
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended'")
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == [
        "done", "done-2", "done-3",
    ]  # fmt: skip
    assert hashes(folder / "done") == before


def test_going_on_in_place_is_a_choice_of_its_own(served: Served, tab: Tab, folder: Path) -> None:
    before = hashes(folder / "done")
    tab.open(served.address)
    tab.by("in-place").check()
    assert "cannot be undone: its best weights are replaced" in tab.by("consequence").inner_text()
    tab.page.reload()
    tab.until("Boolean(window.vaelab && vaelab.ready)")
    assert not tab.by("in-place").is_checked()
    assert hashes(folder / "done") == before
    tab.by("in-place").check()
    tab.by("play").click()
    tab.until("vaelab.run === 'done' && vaelab.training.phase === 'ended'")
    assert read_progress(folder / "done" / "resume.safetensors").epoch == 6
    assert [path.name for path in folder.iterdir() if path.name[0] != "."] == ["done"]
    tab.until("vaelab.ready && document.querySelector('[data-testid=in-place]')")
    assert not tab.by("in-place").is_checked()
