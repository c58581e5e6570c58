"""All runs of a folder with their numbers, one a line; without PyTorch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.errors import UserError
from vaelab.files import may_be_there
from vaelab.runs.records import EvaluationRecord, Row, WeightsRecord, check, read_record, read_rows
from vaelab.runs.runfiles import CONFIG, find_runs, refuse_links
from vaelab.tensorfile import read_digest, read_header
from vaelab.yamlfile import quoted, read_yaml

USUAL = ("standard_normal", "uniform", "")
"""Priors that go without saying."""
NAME_WIDTH = 24
"""Letters of a run's name that are not folded where a terminal is narrow."""


def overview(folder: Path, sizes: bool = False) -> Table:
    """The runs of a folder, within 80 columns where their names are short."""
    paths = find_runs(folder)
    bytes_of = {path: _size(path) for path in paths} if sizes else {}
    total = f"{megabytes(sum(bytes_of.values()))} in all; " if sizes else ""
    table = Table(
        box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False,
        title=f"runs in {escape(str(folder))}",
        caption=f"{total}nats per image, of the weights kept; test numbers appear once `vaelab "
        "evaluate RUN` has measured them; (old): of weights that training has replaced since; "
        "compare only runs with the same data, pixels, likelihood and conditioning",
    )  # fmt: skip
    longest = max((len(path.name) for path in paths), default=0)
    table.add_column("run", overflow="fold", min_width=min(longest, NAME_WIDTH))
    table.add_column("data", overflow="fold")
    table.add_column("model", overflow="fold")
    for heading in ("epochs", "valid\nelbo", "test\nelbo", "5-nn", *(["size"] if sizes else [])):
        table.add_column(heading, justify="right", no_wrap=heading in {"epochs", "size"})
    for path in paths:
        row = [path.name, *_row(path), *([megabytes(bytes_of[path])] if sizes else [])]
        table.add_row(*map(escape, row))
    return table


def megabytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:,.1f} MB"


def _size(folder: Path) -> int:
    """Bytes of all files in a folder, links not followed."""
    files = (path.lstat() for path in folder.rglob("*") if not path.is_dir())
    return sum(file.st_size for file in files)


def _row(path: Path) -> list[str]:
    try:
        refuse_links(path)
        data, model, epochs = _facts(path)
        rows = read_rows(log) if may_be_there(log := path / "metrics.jsonl") else []
        about, evaluation, old = _measured(path)
    except (UserError, OSError) as error:
        return [f"damaged: {quoted(str(error))}", "", "", "", "", ""]
    # numbers of another split are not the test's
    numbers = evaluation.get("numbers", {}) if evaluation.get("split") == "test" else {}
    valid = about.get("valid_elbo_nats")
    return [
        data,
        model,
        f"{int(max((row['epoch'] for row in rows), default=0))}/{epochs}",
        "-" if valid is None else f"{valid:,.1f}",
        _number(numbers, "elbo_nats", ",.1f", old),
        _number(numbers, "knn5_accuracy", ".3f", old),
    ]


def _facts(path: Path) -> tuple[str, str, int]:
    """Data, model and epochs of a run, as its config says; read in full where that is not whole."""
    try:
        return about_config(read_yaml(path / CONFIG))
    except (KeyError, TypeError, ValueError, AttributeError):
        from vaelab.runs.run import Run  # and with it PyTorch

        return about_config(Run(path).experiment.model_dump(mode="json"))


def about_config(config: Mapping[str, Any]) -> tuple[str, str, int]:
    """Data, model and epochs of a whole config, in words."""
    model, fit = config["model"], config.get("prior_fit") or config["training"]
    words = f"{model_words(model)}, {model['likelihood']['kind']}"
    return str(config["data"]["kind"]), words, int(fit["epochs"])


def _measured(path: Path) -> tuple[Row, Row, str]:
    """What is said of a run's weights, its evaluation, and a word where that is of earlier ones."""
    weights, evaluation = path / "weights.safetensors", path / "evaluation.json"
    about, found, digest = {}, {}, ""
    if may_be_there(weights):
        about, digest = read_header(weights), read_digest(weights)
        check(weights, WeightsRecord, about)
    if may_be_there(evaluation):
        found = read_record(evaluation, EvaluationRecord)
    return about, found, "" if found.get("weights") == digest else " (old)"


def model_words(model: Mapping[str, Any]) -> str:
    """Networks, sizes and prior of a model, such as `conv 2, mixture`, from its whole config.

    Raises:
        KeyError, TypeError: it is not whole.
    """
    encoder, prior = model.get("encoder") or model, model.get("prior") or {"kind": ""}
    size = f"{model['codes']} codes" if "codes" in model else str(model["latent"])
    top = f" + {model['top']['latent']}" if model.get("top") else ""
    said = "" if prior["kind"] in USUAL else f", {prior['kind']}"
    return f"{encoder['kind']} {size}{top}{said}"


def _number(numbers: Mapping[str, Mapping[str, float]], name: str, form: str, old: str) -> str:
    return format(numbers[name]["value"], form) + old if name in numbers else "-"
