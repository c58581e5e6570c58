"""What is built for others holds what they need, and nothing else."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
CONFIGS = {
    path.relative_to(ROOT / "configs").as_posix()
    for path in (ROOT / "configs").rglob("*")
    if path.is_file()
}

pytestmark = pytest.mark.slow


def build(target: str, folder: Path, root: Path = ROOT) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", tmp_path_factory.mktemp("sdist"))


def names_in_wheel(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def names_of_the_page() -> set[str]:
    """As it was built for the checkout; both archives hold it."""
    built = ROOT / "web" / "dist"
    names = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert "index.html" in names
    assert {PurePosixPath(name).suffix for name in names} == {".html", ".js", ".css"}
    return names


def test_the_wheel_holds_the_package_and_its_configs(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    names = names_in_wheel(wheel)
    info = next(name.split("/")[0] for name in names if ".dist-info/" in name)
    source = ROOT / "src"
    files = [*source.rglob("*.py"), *source.rglob("tables/*.yaml"), *source.rglob("mnist_3000.*")]
    modules = {path.relative_to(source).as_posix() for path in files}
    configs = {f"vaelab/configs/{name}" for name in CONFIGS}
    assert {"mnist.yaml", "schema.json"} <= CONFIGS
    page = {f"vaelab/page/{name}" for name in names_of_the_page()}
    assert names == modules | configs | page | {
        "vaelab/py.typed",
        *(f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")),
        f"{info}/licenses/LICENSE",
    }


def test_the_wheel_says_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        read = {PurePosixPath(name).name: archive.read(name) for name in archive.namelist()}
    about = Parser().parsestr(read["METADATA"].decode())
    assert about["Name"] == "vaelab"
    assert about["Requires-Python"] == ">=3.11"
    needs = about.get_all("Requires-Dist")
    plain = {need.split("<")[0].split(">")[0] for need in needs if "extra ==" not in need}
    assert plain == {
        "torch", "numpy", "pydantic", "pyyaml", "safetensors", "typer",
        "rich", "matplotlib", "pillow", "scikit-learn", "platformdirs", "jaxtyping",
        "starlette", "uvicorn", "websockets", "zuko", "requests",
        "filelock", "scipy", "h11",
    }  # fmt: skip
    assert "vaelab = vaelab.cli:main" in read["entry_points.txt"].decode()


def test_the_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import vaelab\n"
        "from vaelab.runs.lookup import load_experiment\n"
        "from vaelab.runs.names import shipped_configs\n"
        "print(vaelab.__file__)\n"
        "print(*shipped_configs())\n"
        "print(load_experiment('mnist')[0].task_name)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    place, configs, name = done.stdout.splitlines()
    assert place == str(tmp_path / "site" / "vaelab" / "__init__.py")
    assert set(configs.split()) == {
        name.removesuffix(".yaml") for name in CONFIGS - {"schema.json"} if "/" not in name
    }
    assert name == "mnist"


def test_an_installation_without_node_serves_the_page(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import shutil\n"
        "from pathlib import Path\n"
        "from starlette.testclient import TestClient\n"
        "from vaelab.explorer.app import Explorer\n"
        "from vaelab.explorer.library import Library\n"
        "from vaelab.explorer.export import page_folder\n"
        "assert shutil.which('npm') is None\n"
        "print(page_folder())\n"
        "client = TestClient(Explorer(Library(Path('runs')), page_folder()).app())\n"
        "html = client.get('/').text\n"
        "script = html.partition('src=\"./')[2].partition('\"')[0]\n"
        "print('data-source=\"server\"' in html, len(client.get('/' + script).text) > 50_000)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    folder, answers = done.stdout.splitlines()
    assert folder == str(tmp_path / "site" / "vaelab" / "page")
    assert answers == "True True"


def test_a_page_that_cannot_be_built_is_told(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE", "hatch_build.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "web").mkdir()
    shutil.copy(ROOT / "web" / "build_page.py", tmp_path / "web" / "build_page.py")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=tmp_path, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "there is no npm; install Node 20.19 or newer" in done.stderr


def test_the_sdist_holds_tests_and_configs_and_builds_the_same_wheel(
    sdist: Path, wheel: Path, tmp_path: Path
) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    files = {
        path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()
    }
    assert {f"configs/{name}" for name in CONFIGS} <= files
    assert {
        "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt", "Makefile",
        "tests/conftest.py", "tests/test_packaging.py", "docs/zoo.md", "src/vaelab/py.typed",
    } <= files  # fmt: skip
    strange = {
        name for name in files
        if PurePosixPath(name).suffix not in {
            ".py", ".yaml", ".json", ".md", ".toml", ".txt", ".typed", ".png", ".gif", ".npz", "",
            ".ts", ".tsx", ".mjs", ".css", ".html", ".js",
        }
    }  # fmt: skip
    assert not strange
    for part in ("__pycache__", "node_modules", "web/build/"):
        assert not [name for name in files if part in name]
    assert not [name for name in files if name.startswith("runs/")]
    assert {f"web/dist/{name}" for name in names_of_the_page()} <= files
    assert "web/package-lock.json" in files
    again = build("wheel", tmp_path / "again", unpacked)
    assert names_in_wheel(again) == names_in_wheel(wheel)


def test_the_constraints_name_every_direct_dependency_once_in_order() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines]
    assert names == sorted(names)
    assert {"torch", "numpy", "hatchling", "ruff", "pytest"} <= set(names)
    assert "torch==2.13.0" in lines
