"""All runs of a folder with their numbers, one a line; without PyTorch."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
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
NAME_WIDTH = 30
"""Letters of a run's name that are in one line where a terminal is narrow."""
NOTE = (
    "nats per image, of the weights kept; test numbers appear once `vaelab evaluate RUN` has "
    "measured them; (old): of weights that training has replaced since; compare only runs with "
    "the same data, pixels, likelihood and conditioning"
)
DAMAGED = "damaged: "
OWN = {"images": "path", "npz": "path", "csv": "train"}
"""Kinds of data of one's own, which are known by the last part of a path, and the path's key."""
NUMBERS = ("epochs", "valid\nelbo", "test\nelbo", "5-nn")


@dataclass(frozen=True)
class Overview:
    """The runs of a folder, a line each, in as many columns as a terminal has room for."""

    folder: Path
    headings: tuple[str, ...]
    rows: list[dict[str, str]]
    caption: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        yield self._table(options.max_width)

    def _table(self, width: int) -> Table:
        letters = {one: max(map(cell_len, self._texts(one))) for one in self.headings}
        least = {
            **letters, "run": min(letters["run"], NAME_WIDTH),
            "model": max(cell_len(word) for text in self._texts("model") for word in text.split()),
        }  # fmt: skip
        shown = list(least)

        def room() -> int:
            return width - sum(least[one] + 2 for one in shown)  # a border or a gap of two

        for heading in ("data", "epochs", "model"):
            if room() < 0:
                shown.remove(heading)
        spare = room() - (letters["model"] - least["model"] if "model" in shown else 0)
        name_width = max(8, least["run"] + (min(room(), 0) or max(spare, 0)))
        left_out = " and ".join(one for one in self.headings if one not in shown)
        wider = f"; {left_out}: shown where the terminal is wider" if left_out else ""
        table = Table(
            box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False,
            title=f"runs in {escape(str(self.folder))}", caption=self.caption + wider,
        )  # fmt: skip
        for heading in shown:
            table.add_column(
                heading, overflow="fold", no_wrap=heading != "model",
                justify="left" if heading in {"run", "data", "model"} else "right",
            )  # fmt: skip
        for row in self.rows:
            name = _folded(row["run"], name_width)
            if "model" not in shown and row["model"].startswith(DAMAGED):
                name += f"\n{_folded(row['model'], name_width)}"
            table.add_row(*(escape({**row, "run": name}[heading]) for heading in shown))
        return table

    def _texts(self, heading: str) -> list[str]:
        """What decides a column's width; where a run is damaged, that is said in what is left."""
        cells = [row[heading] for row in self.rows if not row[heading].startswith(DAMAGED)]
        return [line for text in (heading, *cells) for line in text.split("\n")]


def overview(folder: Path, sizes: bool = False) -> Overview:
    """The runs of a folder."""
    rows, total = [], 0
    for path in find_runs(folder):
        row = {"run": path.name, **_row(path)}
        if sizes:
            row["size"] = megabytes(size := _size(path))
            total += size
        rows.append(row)
    caption = f"{megabytes(total)} in all; {NOTE}" if sizes else NOTE
    headings = ("run", "data", "model", *NUMBERS, *(["size"] if sizes else []))
    return Overview(folder, headings, rows, caption)


def _folded(name: str, width: int) -> str:
    """A name in lines that end where its words do, unless one is longer than a line."""
    width //= max(1, *map(cell_len, name))
    return "\n".join(re.findall(rf".{{1,{width}}}(?:(?<=[-_. ])|$)|.{{1,{width}}}", name))


def megabytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:,.1f} MB"


def _size(folder: Path) -> int:
    """Bytes of all files in a folder, links not followed."""
    files = (path.lstat() for path in folder.rglob("*") if not path.is_dir())
    return sum(file.st_size for file in files)


def _row(path: Path) -> dict[str, str]:
    try:
        refuse_links(path)
        data, model, epochs = _facts(path)
        rows = read_rows(log) if may_be_there(log := path / "metrics.jsonl") else []
        about, evaluation, old = numbers_of(path)
    except (UserError, OSError) as error:
        damaged = f"{DAMAGED}{quoted(str(error))}"
        return {"data": "", "model": damaged, **dict.fromkeys(NUMBERS, "")}
    # numbers of another split are not the test's
    numbers = evaluation.get("numbers", {}) if evaluation.get("split") == "test" else {}
    valid = about.get("valid_elbo_nats")
    values = (
        f"{int(max((row['epoch'] for row in rows), default=0))}/{epochs}",
        "-" if valid is None else f"{valid:,.1f}",
        _number(numbers, "elbo_nats", ",.1f", old),
        _number(numbers, "knn5_accuracy", ".3f", old),
    )
    return {"data": data, "model": model, **dict(zip(NUMBERS, values, strict=True))}


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
    data = config["data"]
    place = data.get(OWN.get(data["kind"], ""))
    return Path(place).name if place else data["kind"], words, int(fit["epochs"])


def numbers_of(path: Path) -> tuple[Row, Row, str]:
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
