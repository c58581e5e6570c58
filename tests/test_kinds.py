"""Every kind describes itself, its config works, and docs/zoo.md is what the code says."""

import re
import shutil
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import pytest
from markdown_it import MarkdownIt
from pydantic import BaseModel
from rich.console import RenderableType

from vaelab.config import configs_in, validate
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.experiment import Experiment
from vaelab.kinds import AXES, Entry, describe, entry, kinds, markdown, table
from vaelab.metrics import Number
from vaelab.registry import Axis, Kind
from vaelab.runs.run import Run
from vaelab.yamlfile import parse_yaml

DOCS = Path(__file__).parents[1] / "docs" / "zoo.md"
ALL = kinds()
PAGE = markdown()
UNCITED = {"data", "pixels", "schedule", "learning_rate_schedule", "figure", "logger"}
"""Axes whose kinds are nobody's idea, whose paper they would have to name."""


def named(kind: Entry) -> str:
    return f"{kind.axis.name}-{kind.name}"


def missing(kind: Entry) -> list[str]:
    """What its config class does not say, in words for whoever wrote it."""
    lacks = []
    if len(kind.about.sentence) <= 10 or not kind.about.sentence.endswith("."):
        lacks.append("a docstring whose first line says what it is, with a full stop")
    if not kind.about.advice.endswith("."):
        lacks.append("`advice`, which says when to use it, with a full stop")
    cited = re.search(r'"[^"]+" \([^()]+ (19|20)\d\d', kind.about.references)
    if not cited and kind.axis.name not in UNCITED:
        lacks.append('`references`: "Title" (Authors, year, eq. n, arXiv id)')
    lacks += [f"a docstring of `{key.name}`" for key in kind.keys if not key.meaning.endswith(".")]
    return lacks


def test_every_kind_describes_itself() -> None:
    for kind in ALL:
        lacks = missing(kind)
        assert not lacks, f"{named(kind)} lacks " + "; ".join(lacks)
        assert kind.name == kind.name.lower()
        assert kind.axis.about.endswith(".")


def test_the_kinds_of_an_axis_have_different_names() -> None:
    for axis in AXES:
        names = [kind.name for kind in ALL if kind.axis is axis]
        assert names
        assert len(set(names)) == len(names), axis.name


def test_every_kind_an_experiment_can_hold_is_listed() -> None:
    listed = {cls for axis in AXES for cls in {**axis.kinds, **axis.objects}.values()}
    found: set[type[BaseModel]] = set()
    waiting = [Experiment]
    while waiting:
        cls = waiting.pop()
        for field in cls.model_fields.values():
            new = set(configs_in(field.annotation)) - found
            found |= new
            waiting += new
    assert {cls for cls in found if "kind" in cls.model_fields} <= listed


# --- what a class says of itself


class Invented(Kind):
    axis = Axis("invented", "model", "Of this test.")


class Second(Invented):
    """A model of which there was no paper
    before it.

    It is slow.

    It always was.
    """

    formula = """
        p(x, y)
          = p(x|y) p(y)
    """
    advice = """Use it where y
        is known."""
    references = '"On y" (Nobody and Other, 2001); for x: "On x" (Third, 2002, eq. 3, doi 10.1/x_y)'

    kind: Literal["second"] = "second"
    depth: int = 3


class Silent(Second):
    """Silence."""

    kind: Literal["silent"] = "silent"  # type: ignore[assignment]


def test_what_a_class_says() -> None:
    kind = describe(Invented.axis, Second)
    assert kind.about.sentence == "A model of which there was no paper before it."
    assert kind.about.formula == "p(x, y)\n  = p(x|y) p(y)"
    assert kind.about.details == "It is slow. It always was."
    assert kind.about.advice == "Use it where y is known."
    assert kind.about.references == (
        '"On y" (Nobody and Other, 2001); for x: "On x" (Third, 2002, eq. 3, doi 10.1/x_y)'
    )
    assert kind.example == "model: {kind: second, depth: 3}\n"
    assert missing(kind) == ["a docstring of `depth`"]
    sentence, formula, *_ = str(kind.about).split("\n\n")
    assert sentence == kind.about.sentence
    assert formula == "    p(x, y)\n      = p(x|y) p(y)"


def test_what_a_class_does_not_say_is_named_and_nothing_is_taken_from_another_kind() -> None:
    lacks = "\n".join(missing(describe(Invented.axis, Silent)))
    assert "what it is" in lacks
    assert "`advice`" in lacks
    assert "`references`" in lacks
    (data,) = [axis for axis in AXES if axis.name == "data"]
    lacks = "\n".join(missing(describe(data, Silent)))
    assert "`references`" not in lacks  # images need no paper


def test_defaults_are_written_as_in_a_config() -> None:
    defaults = {(named(kind), key.name): key.default for kind in ALL for key in kind.keys}
    assert defaults["objective-elbo", "beta"] == "1.0"
    assert defaults["model-vae", "prior"] == "standard_normal"
    assert defaults["model-vae", "condition"] == "{encoder: none, decoder: none}"
    assert defaults["encoder-conv", "channels"] == "[16, 32, 64]"
    assert defaults["encoder-conv", "paddings"] == "null"
    assert defaults["data-csv", "train"] == ""


# --- the configs


def test_the_config_of_each_kind_works_as_it_stands() -> None:
    for kind in ALL:
        experiment = validate(Experiment, parse_yaml(kind.example, named(kind)), named(kind))
        chosen: Any = experiment
        for key in kind.axis.place.split(", ")[-1].split("."):
            chosen = getattr(chosen, key)
        chosen = chosen[0] if isinstance(chosen, tuple) else chosen
        assert chosen.kind == kind.name
        experiment.model.build((1, 32, 32), experiment.data.pixels.domain, 10)


def test_the_python_of_the_metrics_works_as_it_stands(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained.path, tmp_path / "runs" / "digits")
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(from pathlib.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)
    assert isinstance(names["numbers"]["nll_iwae1000_nats"], Number)


# --- the page


def drawn_page() -> str:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(PAGE)


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def test_the_page_says_what_the_code_says() -> None:
    assert DOCS.read_text(encoding="utf-8") == PAGE, (
        "docs/zoo.md is out of step with the code; write it anew with "
        "`python -m vaelab.kinds > docs/zoo.md`"
    )


def test_nothing_is_lost_where_the_page_is_drawn() -> None:
    drawn = drawn_page()
    words = plain(drawn)
    cells = {plain(cell) for cell in re.findall(r"<td>(.*?)</td>", drawn)}
    for kind in ALL:
        about = kind.about
        for text in (about.sentence, about.details, about.advice, about.references):
            assert bare(text) in words, named(kind)
        assert " ".join(about.formula.split()) in words
        assert {bare(about.sentence), kind.name} <= cells
        for key in kind.keys:
            assert {key.name, key.default, bare(key.meaning)} <= cells, named(kind)
    assert not re.search(r"<(em|strong|s)>(?!When:|From:)", drawn)


def bare(text: str) -> str:
    return text.replace("`", "")


def test_papers_and_places_can_be_clicked() -> None:
    drawn = drawn_page()
    targets = set(re.findall(r'href="([^"]+)"', drawn))
    assert "https://arxiv.org/abs/1705.07120" in targets
    assert "https://doi.org/10.24432/C50P49" in targets
    headings = {plain(text) for text in re.findall(r"<h\d>(.*?)</h\d>", drawn)}
    places = {"#" + heading.lower().replace(" ", "-") for heading in headings}
    assert {target for target in targets if target.startswith("#")} == places - {"#the-zoo"}


# --- the terminal


def printed(what: RenderableType) -> str:
    console = Console(width=80, file=StringIO())
    console.print(what)
    return console.file.getvalue()


def test_the_table_shows_every_kind_whole() -> None:
    lines = [line.split() for line in printed(table()).splitlines()]
    first = [words[0] for words in lines if words]
    assert {kind.name for kind in ALL} <= set(first)


def test_the_table_of_one_axis() -> None:
    text = printed(table("prior"))
    assert "vamp" in text
    assert "adam" not in text


def test_each_kind_in_full() -> None:
    for kind in ALL:
        text, about = printed(entry(kind.axis.name, kind.name)), kind.about
        words = " ".join(text.split())
        for said in (about.sentence, about.details, about.advice, about.references, about.formula):
            assert " ".join(said.split()) in words, named(kind)
        for key in kind.keys:
            assert key.name in text
        for line in kind.example.splitlines():
            assert line in text or len(line) > 70


def test_what_does_not_exist() -> None:
    with pytest.raises(BadValueError, match="no axis `priors`; did you mean `prior`"):
        table("priors")
    with pytest.raises(BadValueError, match="no axis `priors`; did you mean `prior`"):
        entry("priors", "vamp")
    with pytest.raises(BadValueError, match=r"no prior `vmap`; did you mean `vamp`\? choose one"):
        entry("prior", "vmap")
