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

from vaelab.config import Config, configs_in, validate
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.experiment import Experiment
from vaelab.kinds import AXES, Kind, describe, entry, kinds, markdown, table
from vaelab.metrics import Number
from vaelab.run import Run
from vaelab.yamlfile import parse_yaml

DOCS = Path(__file__).parents[1] / "docs" / "zoo.md"
ALL = kinds()
PAGE = markdown()
(MODEL,) = [axis for axis in AXES if axis.name == "model"]
(PRIOR,) = [axis for axis in AXES if axis.name == "prior"]


def named(kind: Kind) -> str:
    return f"{kind.axis.name}-{kind.name}"


def find(axis: str, name: str) -> Kind:
    (kind,) = [kind for kind in ALL if (kind.axis.name, kind.name) == (axis, name)]
    return kind


def missing(kind: Kind) -> list[str]:
    """What its config class does not say, in words for whoever wrote it."""
    lacks = []
    if len(kind.sentence) <= 10 or not kind.sentence.endswith("."):
        lacks.append("a first line that says what it is, with a full stop")
    if not re.match(r"Use it .{10,}\.$", kind.advice):
        lacks.append('a sentence "Use it ..." that says when, with a full stop')
    if kind.axis.cites and not kind.reference:
        lacks.append('where the idea comes from: "Title" (Authors, year, eq. n, arXiv id)')
    lacks += [f"a docstring of `{key.name}`" for key in kind.keys if not key.meaning.endswith(".")]
    return lacks


@pytest.mark.parametrize("kind", ALL, ids=named)
def test_a_kind_describes_itself(kind: Kind) -> None:
    lacks = missing(kind)
    assert not lacks, (
        f"the config class of {kind.axis.name} `{kind.name}` has to have in its docstring: "
        + "; ".join(lacks)
    )
    assert kind.name == kind.name.lower()
    assert kind.axis.about.endswith(".")


def test_the_kinds_of_an_axis_have_different_names() -> None:
    for axis in AXES:
        names = [kind.name for kind in ALL if kind.axis is axis]
        assert names
        assert len(set(names)) == len(names), axis.name


def test_every_kind_an_experiment_can_hold_is_listed() -> None:
    listed = {cls for axis in AXES for cls in axis.kinds.values()}
    found: set[type[BaseModel]] = set()
    waiting = [Experiment]
    while waiting:
        cls = waiting.pop()
        for field in cls.model_fields.values():
            new = set(configs_in(field.annotation)) - found
            found |= new
            waiting += new
    assert {cls for cls in found if "kind" in cls.model_fields} <= listed


# --- what is read off a docstring


class Second(Config):
    """A model of which there was no paper before it.

        p(x, y) = p(x|y) p(y)

    It has e.g. an eq. 2, which "On models" (Who et al., 1999, arXiv 9901.00001) gives. Use it
    where y is known. It is slow.

    "On y" (Nobody and Other, 2001); for x: "On x" (Third, 2002, eq. 3, doi 10.1/x_y).
    """

    kind: Literal["second"] = "second"
    depth: int = 3


class Silent(Config):
    kind: Literal["silent"] = "silent"


def test_the_parts_of_a_docstring() -> None:
    kind = describe(MODEL, Second)
    assert kind.sentence == "A model of which there was no paper before it."
    assert kind.formula == "p(x, y) = p(x|y) p(y)"
    assert kind.details == "It has e.g. an eq. 2, which Who et al. (1999) gives."
    assert kind.advice == "Use it where y is known. It is slow."
    assert kind.reference == (
        '"On models" (Who et al., 1999, arXiv 9901.00001); "On y" (Nobody and Other, 2001); '
        'for x: "On x" (Third, 2002, eq. 3, doi 10.1/x_y)'
    )
    assert kind.example == "model: {kind: second, depth: 3}\n"
    assert missing(kind) == ["a docstring of `depth`"]


def test_what_a_class_does_not_say_is_named() -> None:
    lacks = "\n".join(missing(describe(PRIOR, Silent)))
    assert "what it is" in lacks
    assert "Use it" in lacks
    assert "Title" in lacks
    (data,) = [axis for axis in AXES if axis.name == "data"]
    assert "Title" not in "\n".join(missing(describe(data, Silent)))  # images need no paper


def test_defaults_are_written_as_in_a_config() -> None:
    defaults = {(named(kind), key.name): key.default for kind in ALL for key in kind.keys}
    assert defaults["objective-elbo", "beta"] == "1.0"
    assert defaults["model-vae", "prior"] == "standard_normal"
    assert defaults["model-vae", "condition"] == "{encoder: none, decoder: none}"
    assert defaults["encoder-conv", "channels"] == "[16, 32, 64]"
    assert defaults["encoder-conv", "paddings"] == "null"
    assert defaults["data-csv", "train"] == ""


# --- the configs


@pytest.mark.parametrize("kind", ALL, ids=named)
def test_the_config_of_a_kind_works_as_it_stands(kind: Kind) -> None:
    experiment = validate(Experiment, parse_yaml(kind.example, "the example"), "the example")
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
        for text in (kind.sentence, kind.details, kind.advice, kind.reference):
            assert bare(text) in words, named(kind)
        assert " ".join(kind.formula.split()) in words
        assert {bare(kind.sentence), kind.name} <= cells
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


@pytest.mark.parametrize("kind", ALL, ids=named)
def test_one_kind_in_full(kind: Kind) -> None:
    text = printed(entry(kind.axis.name, kind.name))
    words = " ".join(text.split())
    for said in (kind.sentence, kind.details, kind.advice, kind.reference, kind.formula):
        assert " ".join(said.split()) in words
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
