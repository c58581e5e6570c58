"""An exported page holds the run, and nothing else of this machine or of the network."""

import json
import re
import shutil
from base64 import b64decode
from pathlib import Path

import pytest

from tests.conftest import Answer
from vaelab.bundle import Bundle
from vaelab.errors import BadValueError
from vaelab.explorer.export import export_single_file, export_site, single_file
from vaelab.run import Run


@pytest.fixture
def bundle(trained: Run, page: Path) -> Bundle:
    return Bundle(trained)


def test_a_site_holds_page_and_bundle(bundle: Bundle, tmp_path: Path) -> None:
    site = export_site(bundle, tmp_path / "deep" / "site")
    assert (site / "assets" / "style-1.css").is_file()
    manifest = json.loads((site / "bundle" / "manifest.json").read_text())
    assert manifest["run"]["finished"]
    assert manifest["metrics"]
    for name, path in bundle.files.items():
        assert (site / "bundle" / name).read_bytes() == path.read_bytes()
    with pytest.raises(BadValueError, match="--overwrite replaces it"):
        export_site(bundle, site)
    export_site(bundle, site, overwrite=True)
    assert not [path for path in site.parent.iterdir() if path != site]


@pytest.mark.parametrize("listed", [True, False])
def test_what_was_added_to_an_exported_site_stays(
    bundle: Bundle, page: Path, tmp_path: Path, listed: bool
) -> None:
    site = export_site(bundle, tmp_path / "site")
    own = {".git/HEAD": "ref", "CNAME": "vae.example", "assets/logo.png": "mine", "bundle/x": "y"}
    for name, text in own.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    if not listed:  # as earlier versions exported
        (site / ".vaelab-export.json").unlink()
    (page / "assets" / "style-1.css").rename(page / "assets" / "style-2.css")
    export_site(bundle, site, overwrite=True)
    assert {name: (site / name).read_text() for name in own} == own
    assert [path.name for path in site.glob("assets/*.css")] == ["style-2.css"]


def test_a_file_of_ones_own_is_not_written_over(bundle: Bundle, page: Path, tmp_path: Path) -> None:
    site = export_site(bundle, tmp_path / "site")
    (page / "robots.txt").write_text("from the page")
    (site / "robots.txt").write_text("mine")
    with pytest.raises(BadValueError, match=r"robots.txt is in the way"):
        export_site(bundle, site, overwrite=True)
    assert (site / "robots.txt").read_text() == "mine"


def test_a_list_from_elsewhere_removes_nothing(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "thesis.js").write_text("years of work")
    site = export_site(bundle, tmp_path / "site")
    names = ["../thesis.js", str(tmp_path / "thesis.js"), "index.html"]
    (site / ".vaelab-export.json").write_text(json.dumps(names))
    with pytest.raises(BadValueError, match="is in the way"):
        export_site(bundle, site, overwrite=True)
    assert (tmp_path / "thesis.js").read_text() == "years of work"


def test_a_folder_with_something_else_is_left_alone(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(BadValueError, match="holds something else"):
        export_site(bundle, tmp_path / "mine")
    with pytest.raises(BadValueError, match="something else"):
        export_single_file(bundle, tmp_path / "mine" / "thesis.txt")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_single_file_holds_everything(bundle: Bundle, tmp_path: Path) -> None:
    path = export_single_file(bundle, tmp_path / "run.html")
    html = path.read_text()
    assert 'data-source="inline"' in html
    assert "src=" not in html
    assert "href=" not in html
    assert html.count("</script>") == 2  # the page's own is escaped
    (data,) = re.findall(r'id="vaelab-bundle">(.*?)</script>', html, re.S)
    files = json.loads(data)["files"]
    assert b64decode(files["weights/0000.f16"]) == bundle.files["weights/0000.f16"].read_bytes()
    assert set(files) == {"manifest.json", *bundle.files}
    with pytest.raises(BadValueError, match="--overwrite replaces it"):
        export_single_file(bundle, path)
    export_single_file(bundle, path, overwrite=True)


def test_no_path_of_this_machine_goes_out(bundle: Bundle, tmp_path: Path) -> None:
    data = bundle.run.experiment.data
    secret = data.model_copy(update={"path": "/home/somebody/secret_project/digits"})
    experiment = bundle.run.experiment.model_copy(update={"data": secret})
    run = Run(bundle.run.path)
    run.experiment = experiment
    html = single_file(Bundle(run))
    (content,) = re.findall(r'"manifest.json": "(.*?)"', html)
    manifest = b64decode(content).decode()
    assert "somebody" not in manifest
    assert str(tmp_path) not in manifest


def test_a_model_that_a_page_cannot_compute_is_refused_by_name(
    trained: Run, page: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained.path, tmp_path / "other")
    path = tmp_path / "other" / "explorer" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"unsupported": "Attention"}))
    with pytest.raises(BadValueError, match="`Attention`"):
        export_site(Bundle(Run(tmp_path / "other")), tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_command_line_exports(trained: Run, page: Path, tmp_path: Path, vaelab) -> None:
    answer: Answer = vaelab("export", "site", trained.path, tmp_path / "site")
    assert answer.code == 0
    assert "python -m http.server" in answer.out
    answer = vaelab("export", "site", trained.path, tmp_path, "--single-file")
    assert answer.code == 0
    assert (tmp_path / f"{trained.path.name}.html").is_file()
    answer = vaelab("export", "site", tmp_path / "none", tmp_path / "x")
    assert answer.code == 2
    assert "there is no run" in answer.err
