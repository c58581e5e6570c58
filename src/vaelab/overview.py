"""All runs of a folder with their numbers, one a line."""

from pathlib import Path

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.errors import UserError
from vaelab.run import Run, find_runs


def overview(folder: Path) -> Table:
    """The runs of a folder.

    Raises:
        MissingFileError: there is no such folder.
    """
    table = Table(
        box=SIMPLE,
        title=f"runs in {escape(str(folder))}",
        caption="nats per image; test numbers appear once `vaelab evaluate RUN` has measured them; "
        "compare only runs with the same data, pixels, likelihood and conditioning",
    )
    table.add_column("run", overflow="fold")
    table.add_column("data")
    table.add_column("model", overflow="fold")
    table.add_column("epochs", justify="right", no_wrap=True)
    table.add_column("valid elbo", justify="right", no_wrap=True)
    table.add_column("test elbo", justify="right", no_wrap=True)
    table.add_column("5-nn", justify="right", no_wrap=True)
    for path in find_runs(folder):
        table.add_row(escape(path.name), *map(escape, _row(path)))
    return table


def _row(path: Path) -> list[str]:
    try:
        run = Run(path)
        valid = [row for row in run.metrics() if row["split"] == "valid"]
        epochs = int(max((row["epoch"] for row in run.metrics()), default=0))
        evaluation = run.evaluation()
    except UserError as error:
        return [f"damaged: {error}", "", "", "", "", ""]
    # numbers of another split are not the test's
    numbers = evaluation.get("numbers", {}) if evaluation.get("split") == "test" else {}
    config = run.experiment
    return [
        config.data.kind,
        f"{config.model.words}, {config.model.likelihood.kind}",
        f"{epochs}/{config.epochs}",
        f"{max(row['elbo_nats'] for row in valid):,.1f}" if valid else "-",
        _number(numbers, "elbo_nats", ",.1f"),
        _number(numbers, "knn5_accuracy", ".3f"),
    ]


def _number(numbers: dict[str, dict[str, float]], name: str, form: str) -> str:
    return format(numbers[name]["value"], form) if name in numbers else "-"
