"""Dependencies point one way, files stay small, and whoever reads a class is told what it does."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "vaelab"
PAGE = ROOT / "docs" / "architecture.md"
FILES = sorted(SOURCE.rglob("*.py"))


def part(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def floors() -> list[list[str]]:
    """The rooms of the page, the highest floor first."""
    tree = PAGE.read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    return [[line.split()[0] for line in floor.splitlines()] for floor in tree.split("\n\n")]


def imported_parts(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    return {name.split(".")[1] for name in names if name.startswith("vaelab.")}


def test_every_room_is_on_the_page_and_nothing_else() -> None:
    rooms = [room for floor in floors() for room in floor]
    assert {part(path) for path in FILES} - {"__init__", "__main__"} == set(rooms)
    assert len(rooms) == len(set(rooms))
    lines = PAGE.read_text(encoding="utf-8").split("```text\n")[1].split("```")[0].splitlines()
    assert all(len(line.split()) > 2 and line.endswith(".") for line in lines if line)


def test_imports_point_down() -> None:
    floor_of = {room: number for number, floor in enumerate(floors()) for room in floor}
    wrong = [
        f"{path.relative_to(SOURCE)} imports vaelab.{other}"
        for path in FILES
        if (own := part(path)) not in {"__init__", "__main__"}
        for other in imported_parts(path) - {own}
        if floor_of[other] <= floor_of[own]
    ]
    assert not wrong


def test_files_are_small() -> None:
    lengths = {path.relative_to(SOURCE): len(path.read_text().splitlines()) for path in FILES}
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def test_no_file_is_a_drawer_for_odds_and_ends() -> None:
    assert not {path.stem for path in FILES} & {"utils", "helpers", "common", "misc"}


def test_every_public_method_says_what_it_does_or_its_base_does() -> None:
    silent = []
    for module in pkgutil.walk_packages([str(SOURCE)], "vaelab."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        for cls in vars(loaded).values():
            if not inspect.isclass(cls) or cls.__module__ != loaded.__name__:
                continue
            silent += [
                f"{module.name}.{cls.__name__}.{name}"
                for name, value in vars(cls).items()
                if not (name.startswith("_") or cls.__name__.startswith("_"))
                and (inspect.isfunction(value) or isinstance(value, property | classmethod))
                and not inspect.getdoc(getattr(cls, name))
            ]
    assert not silent


def test_nothing_is_pickled_or_evaluated() -> None:
    for path in FILES:
        tree = ast.parse(path.read_text())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not names & {"eval", "exec", "pickle"}, path
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree)), path
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for call in (c for c in calls if isinstance(c.func, ast.Attribute)):
            owner = ast.unparse(call.func)
            assert owner != "torch.load", path
            if owner == "np.load":
                said = {k.arg: ast.unparse(k.value) for k in call.keywords}
                assert said.get("allow_pickle") == "False", path


def test_what_pytorch_does_not_promise_stays_in_the_engine() -> None:
    private = re.compile(r"\btorch(\.\w+)*\.(_\w|ops\.)|from torch(\.\w+)*\._\w")
    found = {str(path.relative_to(SOURCE)) for path in FILES if private.search(path.read_text())}
    assert {name for name in found if not name.startswith("engine/")} == set()
    assert found  # else there is nothing to fall back from: `plain` alone would do
