"""The page as a widget in a notebook that was executed, saved and opened without a kernel."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Tab

MISSING = [name for name in ("anywidget", "ipykernel", "nbclient") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"a notebook needs {', '.join(MISSING)}, which the extra `dev` installs"
)
CELLS = (
    "import vaelab",
    "widget = vaelab.explore({run!r})\nwidget",
    "widget.z = [0.25, -0.5]\nprint(type(widget).__name__, len(widget.page) > 1_000_000)",
    "served = vaelab.explore({run!r}, port=0)\nprint(type(served).__name__)\nserved.stop()",
)
HOLDER = """
(async ([esm, state]) => {
  const heard = {}
  const model = {
    get: (name) => state[name],
    set: (name, value) => (state[name] = value),
    save_changes: () => (window.saved = (window.saved ?? 0) + 1),
    on: (name, hear) => (heard[name] = hear),
    off: () => {},
  }
  window.put = (name, value) => { state[name] = value; heard[`change:${name}`]() }
  window.state = state
  const module = URL.createObjectURL(new Blob([esm], { type: 'text/javascript' }))
  const { default: widget } = await import(module)
  widget.render({ model, el: document.body })
})
"""
"""What a notebook's own JavaScript does for a widget, as https://anywidget.dev/en/afm has it."""


@pytest.fixture(scope="module")
def saved(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A notebook as it lies on the disk after its execution."""
    import nbclient
    import nbformat

    cells = [nbformat.v4.new_code_cell(text.format(run=str(runs / "plain"))) for text in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    path = tmp_path_factory.mktemp("notebook") / "saved.ipynb"
    nbformat.write(notebook, path)
    return json.loads(path.read_text())


def test_a_cell_shows_a_widget_unless_a_server_is_asked_for(saved: dict[str, Any]) -> None:
    _, shown, put, served = saved["cells"]
    (output,) = shown["outputs"]
    assert "application/vnd.jupyter.widget-view+json" in output["data"]
    assert len(output["data"]["text/plain"]) < 200
    assert "".join(put["outputs"][0]["text"]) == "ExplorerWidget True\n"
    assert "".join(served["outputs"][0]["text"]).endswith("Served\n")


def test_a_saved_notebook_decodes_and_tells_what_is_selected(
    saved: dict[str, Any], tab: Tab
) -> None:
    widgets = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    (state,) = (one["state"] for one in widgets.values() if "page" in one["state"])
    page = tab.page
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto("about:blank")
    page.evaluate(HOLDER, [state["_esm"], state])
    frame = page.frame_locator("iframe").locator("html").element_handle().owner_frame()
    inside = Tab.__new__(Tab)
    inside.page, inside.errors = frame, tab.errors
    inside.until("Boolean(window.vaelab && vaelab.ready && vaelab.pinned)")
    inside.until("vaelab.pinned.z[0] === 0.25 && vaelab.pinned.z[1] === -0.5")
    before = frame.evaluate("vaelab.pinned.x")
    page.evaluate("put('z', [2, 1.5])")
    inside.until("vaelab.pinned.z[0] === 2")
    after = frame.evaluate("vaelab.pinned.x")
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) > 0.1
    frame.get_by_test_id("latent").focus()
    page.keyboard.press("ArrowRight")
    tab.until("window.state.z[0] > 2.05 && window.state.step > 0")
    assert page.evaluate("window.state.z") == pytest.approx([2.1, 1.5])
    assert not [url for url in requests if url.startswith(("http", "ws"))]
