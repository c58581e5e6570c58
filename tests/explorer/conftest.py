"""A page to serve where none is built, and the server in this process."""

from pathlib import Path

import pytest

INDEX = """<!doctype html>
<html lang="en" data-source="static">
  <head>
    <title>vaelab explorer</title>
    <script type="module" crossorigin src="./assets/index-1.js"></script>
    <link rel="stylesheet" crossorigin href="./assets/style-1.css">
  </head>
  <body><div id="app"></div></body>
</html>
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small page in the built one's place."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "assets" / "index-1.js").write_text("document.title = '</script>'")
    (folder / "assets" / "style-1.css").write_text("body { margin: 0 }")
    for module in ("export", "serve"):
        monkeypatch.setattr(f"vaelab.explorer.{module}.page_folder", lambda: folder)
    return folder
