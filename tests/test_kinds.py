"""Every kind describes itself, and docs/kinds.md is what the code says."""

from io import StringIO
from pathlib import Path

import pytest
from pydantic import BaseModel
from rich.console import Console

from vaelab.errors import BadValueError
from vaelab.experiment import Experiment
from vaelab.kinds import AXES, Axis, Kind, kinds, markdown, members, table

DOCS = Path(__file__).parents[1] / "docs" / "kinds.md"
ALL = kinds()


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.axis}-{kind.name}")
def test_a_kind_describes_itself(kind: Kind) -> None:
    assert kind.sentence.endswith(".")
    assert len(kind.sentence) > 10 or kind.name == "adam"
    assert "\n" not in kind.sentence
    assert kind.name == kind.name.lower()
    for key in kind.keys:
        assert key.meaning.endswith("."), f"{kind.name}.{key.name} has no description"


@pytest.mark.parametrize("axis", AXES, ids=lambda axis: axis.name)
def test_the_kinds_of_an_axis_have_different_names(axis: Axis) -> None:
    names = [kind.name for kind in ALL if kind.axis == axis.name]
    assert names
    assert len(set(names)) == len(names)


def test_every_kind_an_experiment_can_hold_is_listed() -> None:
    listed = {cls for axis in AXES for cls in members(axis.union)}
    found: set[type[BaseModel]] = set()
    waiting = [Experiment]
    while waiting:
        cls = waiting.pop()
        for field in cls.model_fields.values():
            new = set(members(field.annotation)) - found
            found |= new
            waiting += new
    assert {cls for cls in found if "kind" in cls.model_fields} <= listed


def test_what_is_read_off_a_docstring() -> None:
    (iwae,) = [kind for kind in ALL if (kind.axis, kind.name) == ("objective", "iwae")]
    assert iwae.sentence == (
        "The importance weighted bound: tighter than the ELBO the more samples it takes."
    )
    assert iwae.reference == (
        '"Importance weighted autoencoders" (Burda et al., 2016, eq. 8, arXiv 1509.00519)'
    )
    (samples,) = iwae.keys
    assert (samples.name, samples.default) == ("samples", "5")
    assert samples.meaning == "K, posterior samples per image and step."


def test_defaults_are_written_as_in_a_config() -> None:
    defaults = {(kind.axis, kind.name, key.name): key.default for kind in ALL for key in kind.keys}
    assert defaults["objective", "elbo", "beta"] == "1.0"
    assert defaults["model", "vae", "prior"] == "standard_normal"
    assert defaults["model", "vae", "condition"] == "{encoder: none, decoder: none}"
    assert defaults["encoder", "conv", "channels"] == "[16, 32, 64]"
    assert defaults["encoder", "conv", "paddings"] == "null"
    assert defaults["data", "csv", "train"] == ""


def test_the_table_shows_every_kind_whole() -> None:
    console = Console(width=80, file=StringIO())
    console.print(table())
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    first = [words[0] for words in lines if words]
    assert {kind.name for kind in ALL} <= set(first)


def test_the_table_of_one_axis() -> None:
    console = Console(width=80, file=StringIO())
    console.print(table("prior"))
    text = console.file.getvalue()
    assert "vamp" in text
    assert "adam" not in text


def test_an_axis_that_does_not_exist() -> None:
    with pytest.raises(BadValueError, match="no axis `priors`; did you mean `prior`"):
        table("priors")


def test_the_reference_page_is_what_the_code_says() -> None:
    assert DOCS.read_text(encoding="utf-8") == markdown(), (
        "docs/kinds.md is out of step with the code; write it anew with "
        "`python -m vaelab.kinds > docs/kinds.md`"
    )
