"""All runs of a folder with their numbers, one a line."""

from pathlib import Path

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.errors import UserError
from vaelab.run import Run
from vaelab.runfiles import find_runs
from vaelab.yamlfile import quoted


def overview(folder: Path) -> Table:
    """The runs of a folder.

    Raises:
        MissingFileError: there is no such folder.
    """
    table = Table(
        box=SIMPLE,
        title=f"runs in {escape(str(folder))}",
        caption="nats per image, of the weights kept; test numbers appear once `vaelab evaluate "
        "RUN` has measured them; old: of weights that training has replaced since; "
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
        epochs = int(max((row["epoch"] for row in run.metrics()), default=0))
        about = run.about_weights()
        evaluation = run.evaluation()
        old = "" if run.has_measured(evaluation) else " (old)"
    except (UserError, OSError) as error:
        return [f"damaged: {quoted(str(error))}", "", "", "", "", ""]
    # numbers of another split are not the test's
    numbers = evaluation.get("numbers", {}) if evaluation.get("split") == "test" else {}
    config = run.experiment
    return [
        config.data.kind,
        f"{config.model.words}, {config.model.likelihood.kind}",
        f"{epochs}/{config.epochs}",
        "-" if about.get("valid_elbo_nats") is None else f"{about['valid_elbo_nats']:,.1f}",
        _number(numbers, "elbo_nats", ",.1f", old),
        _number(numbers, "knn5_accuracy", ".3f", old),
    ]


def _number(numbers: dict[str, dict[str, float]], name: str, form: str, old: str) -> str:
    return format(numbers[name]["value"], form) + old if name in numbers else "-"
