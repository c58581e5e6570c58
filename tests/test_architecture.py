"""Dependencies point one way, and files stay small."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "vaelab"

LAYERS = [
    {"errors", "process", "console"},
    {"addresses", "files", "distributed"},
    {"outputs"},
    {"runlock", "tensorfile", "yamlfile"},
    {"config", "randomness", "adam", "per_image"},
    {"registry"},
    {"plugins"},
    {"schedules", "optimizers"},
    {"data"},
    {"distributions"},
    {"networks"},
    {"likelihoods", "priors"},
    {"models"},
    {"quality"},
    {"objectives", "metrics", "figures", "loggers"},
    {"experiment"},
    {"runfiles", "records"},
    {"run"},
    {
        "bundle",
        "pictures",
        "evaluation",
        "comparison",
        "overview",
        "own_images",
        "seed",
        "describe",
        "doctor",
    },
    {"training", "library", "kinds", "schema", "scoring"},
    {"api", "explorer", "fitting", "reproduction", "traps", "sweep"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FILES = sorted(SOURCE.rglob("*.py"))


def part(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    return {name.split(".")[1] for name in names if name.startswith("vaelab.")}


def test_every_part_has_its_layer() -> None:
    assert {part(path) for path in FILES} - {"__init__", "__main__"} == set(RANK)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    if part(path) in {"__init__", "__main__"}:
        return
    own = part(path)
    for other in imported_parts(path) - {own}:
        assert RANK[other] < RANK[own], f"{path.relative_to(SOURCE)} imports vaelab.{other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_are_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_no_file_is_a_drawer_for_odds_and_ends() -> None:
    assert not {path.stem for path in FILES} & {"utils", "helpers", "common", "misc"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_is_pickled_or_evaluated(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"eval", "exec", "pickle"}
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    loads = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "load"]
    for call in loads:
        owner = ast.unparse(call.func)
        if owner == "np.load":
            assert any(
                k.arg == "allow_pickle" and ast.unparse(k.value) == "False" for k in call.keywords
            )
        assert owner != "torch.load"
