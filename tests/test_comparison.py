"""Numbers are ranked where they can be compared, and told apart where they cannot."""

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from vaelab.comparison import Group, compare, differences, draw
from vaelab.errors import BadValueError, MissingFileError
from vaelab.evaluation import evaluate
from vaelab.figures.style import render
from vaelab.run import Run


@pytest.fixture
def evaluated(trained: Run, tmp_path: Path) -> Run:
    shutil.copytree(trained.path, tmp_path / "runs" / "first")
    run = Run(tmp_path / "runs" / "first")
    evaluate(run, samples=5)
    return run


def variant(run: Run, name: str, better_by: float = 0, **facts: Any) -> Run:
    """The same run with other numbers or another key."""
    path = run.path.with_name(name)
    shutil.copytree(run.path, path)
    other = Run(path)
    row = run.evaluation() | {"run": name} | facts
    for number in ("nll_iwae5_nats", "distortion_nats"):
        row["numbers"][number]["value"] -= better_by
    row["numbers"]["elbo_nats"]["value"] += better_by
    other.evaluation_path.write_text(json.dumps(row))
    return other


def printed(group: Group) -> str:
    console = Console(width=140, record=True, file=StringIO())
    console.print(group.table())
    return console.export_text()


def test_the_best_comes_first_and_ties_are_bold(evaluated: Run) -> None:
    error = evaluated.evaluation()["numbers"]["nll_iwae5_nats"]["standard_error"]
    worse = variant(evaluated, "worse", -10 * error)
    better = variant(evaluated, "better", error)
    (group,) = compare([worse, evaluated, better])
    assert [run["run"] for run in group.runs] == ["better", "first", "worse"]
    assert [group.ties(run) for run in group.runs] == [True, True, False]
    assert group.ranked_by == "nll_iwae5_nats"
    text = printed(group)
    assert text.index("better") < text.index("first") < text.index("worse")
    assert differences([group]) == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"pixels": "signed"}, "pixels: unit (first), signed (other)"),
        ({"data_checksum": "f" * 64}, "ffffffff (other)"),
        ({"split": "train"}, "split: test (first), train (other)"),
        ({"measure": "counting"}, "kind of likelihood: density (first), probability (other)"),
        ({"conditional": True}, "conditional on the class: False (first), True (other)"),
        ({"pixels": "static binary by data.seed 1"}, "static binary by data.seed 1 (other)"),
    ],
)
def test_what_cannot_be_compared_is_not_ranked(
    evaluated: Run, facts: dict[str, Any], reason: str
) -> None:
    other = variant(evaluated, "other", 1e6, **facts)
    groups = compare([evaluated, other])
    assert [[run["run"] for run in group.runs] for group in groups] == [["first"], ["other"]]
    (line,) = differences(groups)
    assert reason in line


def test_other_likelihoods_of_the_same_pixels_can_be_compared(evaluated: Run) -> None:
    laplace = variant(evaluated, "laplace", 1, likelihood="laplace")
    (group,) = compare([evaluated, laplace])
    assert "under gaussian, laplace" in printed(group).replace("\n", " ")


def test_without_a_common_bound_the_elbo_ranks(evaluated: Run) -> None:
    other = variant(evaluated, "other", -1)
    row = other.evaluation()
    row["numbers"]["nll_iwae9_nats"] = row["numbers"].pop("nll_iwae5_nats")
    other.evaluation_path.write_text(json.dumps(row))
    (group,) = compare([other, evaluated])
    assert group.ranked_by == "elbo_nats"
    assert group.runs[0]["run"] == "first"


def test_the_plane_has_each_run(evaluated: Run) -> None:
    groups = compare([evaluated, variant(evaluated, "b", 3), variant(evaluated, "c", pixels="x")])
    pixels = render(draw(groups))
    assert pixels.shape[1] > 800
    one = render(draw(compare([evaluated, variant(evaluated, "d", 3)])))
    assert one.shape[1] < 500


def test_at_the_command_line(evaluated: Run, vaelab: Any, tmp_path: Path) -> None:
    variant(evaluated, "other", pixels="signed")
    picture = tmp_path / "plane.png"
    answer = vaelab(
        "compare", "first", "other", "--runs", evaluated.path.parent, "--picture", picture
    )
    assert answer.code == 0
    assert "not ranked together" in answer.out
    with Image.open(picture) as image:
        assert min(image.size) > 300
    answer = vaelab("compare", "first", "--runs", evaluated.path.parent)
    assert answer.code == 2
    assert "two different runs" in answer.err


def test_what_has_no_numbers_is_told(evaluated: Run) -> None:
    other = variant(evaluated, "other")
    other.evaluation_path.unlink()
    with pytest.raises(MissingFileError, match=r"vaelab evaluate .*other"):
        compare([evaluated, other])
    with pytest.raises(BadValueError, match="two different runs"):
        compare([evaluated, evaluated])
