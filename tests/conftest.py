"""Shape annotations are checked in every test; the user's own cache is left alone."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from jaxtyping import install_import_hook

from tests import shapes

if TYPE_CHECKING:
    from vaelab.runs.run import Run

hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")
install_import_hook("vaelab", f"{shapes.__name__}.checked")


TOGETHER = ("tests/browser/", "tests/distributed/test_equal.py", "tests/sweep/test_ray.py")
"""Tests that share what took long to make, or would find each other's cluster."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give every process of pytest-xdist one test after the other, or all of `TOGETHER`."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next(filter(nodeid.startswith, TOGETHER), nodeid)

    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAELAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def mnist_folder() -> Path:
    folder = os.environ.get("VAELAB_MNIST")
    if not folder:
        pytest.skip("VAELAB_MNIST does not name a folder with the real MNIST")
    return Path(folder)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """Two epochs on the digits; not to be written into."""
    return _train(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """The same of a conditional model; not to be written into."""
    condition = "model.condition={encoder: planes, decoder: one_hot}"
    return _train(tmp_path_factory.mktemp("conditional"), condition)


@pytest.fixture(scope="session")
def sprites(tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """The same on images whose factors are known; not to be written into."""
    data = "data={kind: sprites, scales: 2, rotations: 2, positions: 6}"
    return _train(tmp_path_factory.mktemp("sprites"), data, "model.latent=4")


def _train(folder: Path, *assignments: str) -> "Run":
    from tests.training.conftest import tiny
    from vaelab.training import train

    return train(tiny("explorer.keep=20", *assignments), folder).run


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def vaelab(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """The command line in this process, as a shell would start it."""
    from vaelab.cli import main

    def run(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["vaelab", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return run
