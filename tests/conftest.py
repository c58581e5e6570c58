"""Shape annotations are checked in every test; the user's own cache is left alone."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

from tests import shapes

install_import_hook("vaelab", f"{shapes.__name__}.checked")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAELAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def mnist_folder() -> Path:
    folder = os.environ.get("VAELAB_MNIST")
    if not folder:
        pytest.skip("VAELAB_MNIST does not name a folder with the real MNIST")
    return Path(folder)
