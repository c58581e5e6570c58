"""YAML that costs more than it seems, values that no parser expects, names that no folder has."""

import json
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Answer
from tests.robustness.bench import deep
from tests.robustness.texts import bomb, nasty
from vaelab.errors import BadValueError
from vaelab.yamlfile import parse_yaml

Command = Callable[..., Answer]


def refused(answer: Answer, *parts: str) -> None:
    assert answer.code == 2, answer.err
    assert "Traceback" not in answer.err
    for part in parts:
        assert part in answer.err


@pytest.mark.parametrize("what", nasty())
def test_yaml_is_read_or_refused_in_words(what: str) -> None:
    text = nasty()[what]
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    with suppress(BadValueError):
        parse_yaml(text, "nasty.yaml")


@pytest.mark.parametrize(
    "text",
    [bomb(7, 10), bomb(30, 10), bomb(250, 2), bomb(5, 60), bomb(60, 4, "{{<<: [{}]}}"),
     deep("[", "]", 8000), "[" * 16_000, "- " * 8000, "? " * 8000, "{a: " * 4000],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_16_kb_of_yaml_cost_a_second_and_100_mb_at_most(text: str) -> None:
    assert len(text) <= 16_384
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(BadValueError, match=r"aliases stand for|nested more than"):
        parse_yaml(text, "a.yaml")
    assert time.process_time() - began < 1
    assert tracemalloc.get_traced_memory()[1] < 10**8
    tracemalloc.stop()


def test_aliases_that_stand_for_little_are_read() -> None:
    parsed = parse_yaml("a: &a [1, {b: 2}]\nc: *a\nd: {<<: {x: 1}, e: *a}", "a.yaml")
    assert parsed == {"a": [1, {"b": 2}], "c": [1, {"b": 2}], "d": {"x": 1, "e": [1, {"b": 2}]}}


@pytest.mark.parametrize("what", ["20,000 changes", "100,000 keys"])
def test_long_yaml_is_quick(what: str) -> None:
    text = nasty()[what]
    assert isinstance(text, str)
    began = time.process_time()
    parse_yaml(text, "long.yaml")
    assert time.process_time() - began < 12  # more than 20 and 40 in pure Python


def test_a_key_that_stands_twice_is_told_where_it_stands_in_long_yaml_too() -> None:
    text = "\n".join([*(f"k{n}: 1" for n in range(5000)), "  ", "k7: 2"])
    with pytest.raises(BadValueError, match=r"line 5002, column 1.*`k7` stands twice"):
        parse_yaml(text, "long.yaml")


def test_messages_quote_little_of_a_long_value(vaelab: Command) -> None:
    refused(vaelab("config", "show", "digits", f"training.epochs={'x' * 100_000}"))
    answer = vaelab("config", "show", "digits", f"model.latent=[{', '.join(['1'] * 30_000)}]")
    refused(answer, "...")
    assert len(answer.err) < 1000
    unknown = vaelab("config", "show", "digits", *(f"x{n}=1" for n in range(100)))
    assert unknown.err.rstrip().endswith("and 80 more")


@pytest.mark.parametrize(
    "name", ["a\0b", "a\x1bb", "a\nb", "a\x9bb", "漢" * 67, "x" * 201, "a\u2028b"]
)
def test_names_that_no_folder_should_have(name: str, tmp_path: Path, vaelab: Command) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"task_name: {json.dumps(name)}")
    refused(vaelab("config", "show", path), "`task_name`")


def test_figures_are_bounded(vaelab: Command) -> None:
    many = ", ".join(["latent"] * 101)
    refused(vaelab("config", "show", "digits", f"figures.at_end=[{many}]"), "at most 100 items")
