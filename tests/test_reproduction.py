"""Published tables are run again, and what is finished is not run twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from vaelab.config import validate
from vaelab.console import Console
from vaelab.errors import BadValueError, MissingFileError
from vaelab.evaluation.evaluate import evaluate
from vaelab.lessons import reproduction
from vaelab.lessons.reproduction import (
    AS_IT_IS,
    MAPPED,
    experiments_of,
    reproduce,
    table_named,
    tables,
)
from vaelab.runs.run import Run

TINY = """
title: "Digits, two kinds of posterior"
source: "nowhere"
rows:
  - {name: mean field, config: digits, published: {elbo_nats: 1.5, nll: -2}}
  - {name: correlated, config: digits, set: [model.posterior=full_normal],
     published: {nll: -3}}
budgets:
  quick: {set: ["training.epochs=1"], seeds: 2, samples: 5, means: "an epoch, two seeds"}
"""


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "tiny.yaml").write_text(TINY)
    monkeypatch.setattr(reproduction, "FOLDER", tmp_path / "tables")
    return "tiny"


def test_ours_stand_beside_theirs(tiny: str, tmp_path: Path) -> None:
    console = Console(record=True, quiet=True)
    repetition = reproduce(tiny, "quick", tmp_path / "runs", console)
    assert [(line.row, line.number) for line in repetition.lines] == [
        ("mean field", "elbo_nats"),
        ("mean field", "nll_iwae5_nats"),
        ("correlated", "nll_iwae5_nats"),
    ]
    runs = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert runs == [
        f"tiny_quick_{row}_seed{seed}" for row in ("correlated", "mean_field") for seed in (0, 1)
    ]
    for line in repetition.lines:
        row = line.row.replace(" ", "_")
        numbers = [
            Run(tmp_path / "runs" / f"tiny_quick_{row}_seed{seed}").evaluation()["numbers"]
            for seed in (0, 1)
        ]
        assert line.ours == tuple(each[line.number]["value"] for each in numbers)
        assert all("active_units" not in each for each in numbers)  # which no table asks for
        spread = abs(line.ours[0] - line.ours[1]) / 2
        assert line.standard_error == pytest.approx(spread)
    printed = Console(width=150, record=True)
    printed.print(repetition.table())
    text = printed.export_text()
    over = "± standard error over 2 seeds, of which a 95% interval is 12.7 times as wide"
    assert f"an epoch, two seeds; {over}" in " ".join(text.split())
    assert "1.50" in text


@pytest.mark.slow
def test_what_is_finished_is_not_run_again(tiny: str, tmp_path: Path) -> None:
    first = reproduce(tiny, "quick", tmp_path, Console(quiet=True))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    again = reproduce(tiny, "quick", tmp_path, Console(quiet=True))
    assert again.lines == first.lines
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == before


@pytest.mark.slow
def test_numbers_of_other_images_or_weights_are_not_the_tables(tiny: str, tmp_path: Path) -> None:
    first = reproduce(tiny, "quick", tmp_path, Console(quiet=True))
    run = Run(tmp_path / "tiny_quick_mean_field_seed0")
    ours = run.evaluation()["numbers"]["elbo_nats"]["value"]
    evaluate(run, "train", samples=5)
    assert run.evaluation()["numbers"]["elbo_nats"]["value"] != ours
    assert reproduce(tiny, "quick", tmp_path, Console(quiet=True)).lines == first.lines
    row = run.evaluation()
    for other in ({"images": 5}, {"data_checksum": "0" * 64}, {"weights": "0" * 64}):
        numbers = {name: {**number, "value": 99.0} for name, number in row["numbers"].items()}
        run.evaluation_path.write_text(json.dumps({**row, "numbers": numbers, **other}))
        assert reproduce(tiny, "quick", tmp_path, Console(quiet=True)).lines == first.lines


@pytest.mark.parametrize("name", tables())
def test_every_shipped_table_can_be_run(name: str) -> None:
    published = table_named(name)
    assert {"quick", "full"} <= published.budgets.keys()
    for budget in published.budgets.values():
        for row in published.rows:
            experiments = experiments_of(row, budget, name)
            assert len(experiments) == budget.seeds
            domain = experiments[0].data.pixels.domain
            experiments[0].model.build((1, 28, 28), domain, 10)
            known = {"elbo_nats", "nll", AS_IT_IS, MAPPED}
            assert row.published.keys() <= known


def test_what_is_not_there_is_told(tiny: str, tmp_path: Path, vaelab: Any) -> None:
    with pytest.raises(MissingFileError, match="there is no table `x`; there are tiny"):
        reproduce("x", "quick", tmp_path, Console(quiet=True))
    with pytest.raises(BadValueError, match="no budget `huge`; it has quick"):
        reproduce(tiny, "huge", tmp_path, Console(quiet=True))
    assert "--budget quick" in vaelab("reproduce").out
    answer = vaelab("reproduce", "x")
    assert answer.code == 2
    assert "there is no table" in answer.err


def test_a_budget_of_some_rows() -> None:
    iwae = table_named("iwae")
    quick = [row.name for row in iwae.rows_of(iwae.budgets["quick"])]
    assert quick == ["1 layer k=1", "1 layer IWAE k=5", "1 layer IWAE k=50"]
    assert iwae.rows_of(iwae.budgets["full"]) == iwae.rows
    about = iwae.model_dump() | {"budgets": {"quick": {"rows": ["3 layers"], "means": "none"}}}
    with pytest.raises(BadValueError, match="no rows 3 layers"):
        validate(reproduction.PublishedTable, about, "a table")
