"""An exported page holds the run, and nothing else of this machine or of the network."""

import json
import re
import shutil
import zlib
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import Answer
from vaelab.bundle import Bundle
from vaelab.bundle.graph import interpret
from vaelab.bundle.packed import packed
from vaelab.errors import BadValueError
from vaelab.explorer.export import export_single_file, export_site, single_file
from vaelab.runs.run import Run


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def inflated(content: bytes) -> bytes:
    """Numbers of two bytes from all their low bytes, then all high ones."""
    halves = np.frombuffer(zlib.decompress(content, -15), np.uint8).reshape(2, -1)
    return halves.T.tobytes()


@pytest.fixture
def bundle(trained: Run, page: Path) -> Bundle:
    return Bundle(trained)


def test_a_site_holds_page_and_bundle(bundle: Bundle, tmp_path: Path) -> None:
    site = export_site(bundle, tmp_path / "deep" / "site")
    assert (site / "assets" / "style-1.css").is_file()
    manifest = json.loads((site / "bundle" / "manifest.json").read_text())
    assert manifest["run"]["finished"]
    assert manifest["metrics"]
    assert {path.relative_to(site / "bundle").as_posix() for path in _files(site / "bundle")} == {
        name.replace(".f16", ".z").replace(".i16", ".z")
        for name in ("manifest.json", *bundle.files)
    }
    for name in ("labels.u8", "thumbs.png"):
        assert (site / "bundle" / name).stat().st_size
    with pytest.raises(BadValueError, match="--overwrite replaces it"):
        export_site(bundle, site)
    export_site(bundle, site, overwrite=True)
    assert not [path for path in site.parent.iterdir() if path != site]


def test_a_site_of_several_runs_holds_a_bundle_of_each(
    bundle: Bundle, trained: Run, tmp_path: Path
) -> None:
    shutil.copytree(trained.path, tmp_path / "other run")
    other = Bundle(Run(tmp_path / "other run"))
    site = export_site([bundle, other], tmp_path / "site")
    assert {path.name for path in (site / "bundle").iterdir()} == {trained.path.name, "other run"}
    page = (site / "index.html").read_text()
    found = re.search('id="vaelab-compared">(.*?)</script>', page)
    assert found is not None
    assert json.loads(found[1]) == {trained.path.name: None, "other run": None}
    export_site(bundle, site, overwrite=True)  # of one again: nothing of the other stays
    assert "vaelab-compared" not in (site / "index.html").read_text()
    names = {path.relative_to(site).as_posix() for path in _files(site / "bundle")}
    assert not [name for name in names if name.startswith("bundle/other run/")]
    with pytest.raises(BadValueError, match="two to four different ones"):
        export_site([bundle, bundle], tmp_path / "twice")


def test_what_was_added_to_an_exported_site_stays(
    bundle: Bundle, page: Path, tmp_path: Path
) -> None:
    site = export_site(bundle, tmp_path / "site")
    own = {".git/HEAD": "ref", "CNAME": "vae.example", "assets/logo.png": "mine", "bundle/x": "y"}
    for name, text in own.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
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
    last = bundle.manifest()["steps"][-1]["index"]
    assert inflated(b64decode(files[f"weights/{last:04}.z"])) == bundle.read(
        f"weights/{last:04}.f16"
    )
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


def test_what_is_packed_is_said_run_by_run(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vaelab.console.QUIET_SECONDS", 0)
    packed(bundle)
    assert f"packing {bundle.run.path.name}: " in capsys.readouterr().err


def test_packed_weights_decode_as_those_that_were_kept(bundle: Bundle) -> None:
    files = packed(bundle, images=100)
    manifest = json.loads(files["manifest.json"])
    about, decoder = manifest["packed"], bundle.graphs().decoder
    z = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    first, *rest = about["order"]
    weights = np.frombuffer(inflated(files[f"weights/{first:04}.z"]), "<f2").astype(np.float32)
    assert (weights == bundle.weights(first)).all()
    for index in rest:
        steps = np.frombuffer(inflated(files[f"weights/{index:04}.z"]), "<i2")
        for (offset, length), unit in zip(
            about["tensors"], about["units"][str(index)], strict=True
        ):
            weights[offset : offset + length] += steps[offset : offset + length] * np.float32(unit)
        one, other = (
            interpret(decoder, torch.from_numpy(each), {"z": z})["mean"]
            for each in (weights, bundle.weights(index))
        )
        assert (one - other).abs().max() < 0.1
        assert (one - other).square().mean().sqrt() < 0.02
    assert sum(map(len, files.values())) < sum(len(bundle.read(name)) for name in bundle.files)


def test_fewer_images_are_the_same_images(bundle: Bundle) -> None:
    files, whole = packed(bundle, images=100), bundle.manifest()
    manifest = json.loads(files["manifest.json"])
    assert manifest["images"]["count"] == 100
    chosen = np.arange(100) * 359 // 100
    labels = np.frombuffer(bundle.read("labels.u8"), np.uint8)
    assert files["labels.u8"] == labels[chosen].tobytes()
    codes = np.frombuffer(bundle.read("codes/0001.i16"), "<i2").reshape(359, -1)
    assert inflated(files["codes/0001.z"]) == codes[chosen].tobytes()
    few, all_of_them = (
        np.asarray(Image.open(BytesIO(content)))
        for content in (files["thumbs.png"], bundle.read("thumbs.png"))
    )
    across, before = manifest["images"]["columns"], whole["images"]["columns"]
    for place, image in enumerate(chosen):
        top, left, y, x = place // across, place % across, image // before, image % before
        one = few[8 * top : 8 * top + 8, 8 * left : 8 * left + 8]
        assert (one == all_of_them[8 * y : 8 * y + 8, 8 * x : 8 * x + 8]).all()
    assert all(pair["image"] < 100 for pair in manifest["golden"]["encode"])
