"""YAML in and out, overrides, and errors in the user's spelling."""

from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaelab.config import override, to_yaml, validate
from vaelab.errors import BadValueError, MissingFileError
from vaelab.experiment import Experiment
from vaelab.kinds import AXES
from vaelab.runs.lookup import load_experiment, load_settings, resets
from vaelab.runs.names import shipped_configs
from vaelab.yamlfile import parse_yaml, read_yaml


def experiment(*assignments: str) -> Experiment:
    return validate(Experiment, override(Experiment, {}, assignments), "test.yaml")


def test_a_resolved_config_loads_back_to_an_equal_one() -> None:
    chosen = experiment(
        "model.encoder={kind: conv, channels: [4, 8], kernels: [2, 2], strides: [2, 2]}",
        "data.pixels={kind: binary, mode: static}",
        "model.likelihood.kind=bernoulli",
        "objective.beta={kind: linear, epochs: 3}",
        "model.prior={kind: vamp, components: 7}",
    )
    text = to_yaml(chosen)
    assert validate(Experiment, parse_yaml(text, "x"), "x") == chosen
    assert "components: 7" in text


@pytest.mark.parametrize("text", ["1e-5", "1.0e-5", "0.00001", "1E-5", "10.e-6"])
def test_scientific_notation_is_a_number(text: str) -> None:
    assert parse_yaml(f"x: {text}", "t") == {"x": 1e-5}


@given(st.floats(1e-12, 1e12))
def test_overrides_read_what_python_prints(value: float) -> None:
    chosen = experiment(f"training.optimizer.learning_rate={value!r}")
    assert chosen.training.optimizer.learning_rate == value


def test_overrides_do_not_change_the_mapping_they_start_from() -> None:
    data = {"model": {"latent": 2}}
    assert override(Experiment, data, ["model.latent=4"]) == {"model": {"latent": 4}}
    assert data == {"model": {"latent": 2}}


def test_another_kind_starts_from_its_defaults_and_comes_first() -> None:
    data = {"data": {"kind": "mnist", "pixels": "signed", "path": "x"}}
    changed = override(Experiment, data, ["data.test_fraction=0.1", "data.kind=digits"])
    assert changed == {"data": {"kind": "digits", "test_fraction": 0.1}}


def test_the_same_kind_changes_nothing_whether_it_was_written_or_not() -> None:
    for data in ({"objective": {"beta": 4}}, {"objective": {"kind": "elbo", "beta": 4}}):
        changed = override(Experiment, data, ["objective=elbo", "model.prior=standard_normal"])
        assert changed["objective"] == {"kind": "elbo", "beta": 4}


def _choices() -> list[tuple[str, str]]:
    """A dotted key and a kind for every kind of every axis that an override can name."""
    return [
        (axis.place, kind)
        for axis in AXES
        if not axis.several and axis.name != "metric"
        for kind in axis.kinds
    ]


@pytest.mark.parametrize("name", shipped_configs())
def test_a_kind_by_its_name_is_that_kind_with_its_defaults(name: str) -> None:
    resolved = load_experiment(name)[0].model_dump(mode="json")
    changes = 0
    for place, kind in _choices():
        former = reduce(lambda one, key: (one or {}).get(key), place.split("."), resolved)
        if former and former["kind"] == kind:
            continue
        changes += 1
        for settings in (load_settings(name)[0], resolved):
            by_name = override(Experiment, settings, [f"{place}={kind}"])
            whole = override(Experiment, settings, [f"{place}={{kind: {kind}}}"])
            assert by_name == whole, (place, kind)
    assert changes > 40


def test_of_an_earlier_version_the_folder_of_pictures_is_read_where_it_is_the_one() -> None:
    assert validate(Experiment, {"output_train_dir": "output"}, "old") == Experiment()
    with pytest.raises(BadValueError, match="unknown key `output_train_dir`"):
        validate(Experiment, {"output_train_dir": "pictures"}, "old")


def test_the_name_of_a_kind_stands_for_it_wherever_there_is_one() -> None:
    names: dict[str, Any] = {
        "data": "digits", "objective": "elbo",
        "model": {"kind": "vae", "likelihood": "laplace", "prior": "vamp", "encoder": "conv"},
        "training": {"optimizer": "adamw"},
    }  # fmt: skip
    whole = {
        "data": {"kind": "digits"}, "objective": {"kind": "elbo"},
        "model": {key: {"kind": name} for key, name in names["model"].items()} | {"kind": "vae"},
        "training": {"optimizer": {"kind": "adamw"}},
    }  # fmt: skip
    assert validate(Experiment, names, "names") == validate(Experiment, whole, "whole")
    changed = override(Experiment, names, ["model.likelihood.scale=2", "data.validation=9"])
    assert changed["model"]["likelihood"] == {"kind": "laplace", "scale": 2}
    assert changed["data"] == {"kind": "digits", "validation": 9}
    wrong = {"model": {"likelihood": "gausian"}}
    with pytest.raises(BadValueError, match=r"`model\.likelihood\.kind` is `gausian`.*`gaussian`"):
        validate(Experiment, wrong, "wrong")


def test_what_a_change_of_kind_resets_is_said() -> None:
    def notes(*words: str) -> list[str]:
        return load_experiment(*words[:1], words[1:])[1]

    (note,) = notes("mnist", "objective=tcvae")
    assert note == (
        "objective=tcvae starts from its own defaults: beta is 6.0, not 1; "
        "objective.beta=... sets it"
    )
    assert notes("mnist", "objective=tcvae", "objective.beta=1") == []
    assert notes("mnist", "objective=iwae") == []  # which has no beta
    (note,) = notes("vamp", "model.prior=mixture")
    assert "components is 10, not 500" in note
    assert notes("vamp", "model.prior=mixture", "model.prior.components=500") == []
    (note,) = notes("simple", "model.likelihood.kind=laplace")
    assert "scale is learned, not 0.0626099" in note
    given = {"data": {"kind": "csv", "train": Path("a.csv"), "seed": 3}}
    (note,) = resets(given, {"data": {"kind": "images", "path": Path("b")}})
    assert note.startswith("data=images starts from its own defaults: seed is 0, not 3;")
    (note,) = notes("iwae", "model=hierarchical")
    assert "likelihood is gaussian, not bernoulli" in note


@pytest.mark.parametrize("assignment", ["model.prior=vamp", "model.prior.kind=vamp"])
def test_a_kind_may_be_given_by_its_name_alone(assignment: str) -> None:
    assert experiment(assignment).model.prior.kind == "vamp"
    assert experiment(assignment, "model.prior.components=3").model.prior.components == 3
    assert experiment("data.pixels=binary", "data.pixels.mode=static").data.pixels.mode == "static"


def test_a_section_without_a_kind_is_of_the_default_kind() -> None:
    assert experiment("objective.samples=3", "model.likelihood.scale=0.5").objective.kind == "elbo"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("model.latnt=3", "unknown key `model.latnt`; did you mean `model.latent`"),
        ("modle.latent=3", "unknown key `modle`; did you mean `model`"),
        (
            "model.encoder.width=[3]",
            "unknown key `model.encoder.width`; did you mean `model.encoder.widths`",
        ),
        ("model.prior.widths=[3]", "unknown key `model.prior.widths`; the keys here are kind"),
        ("model.prior.kind=vmap", "`model.prior.kind` is `vmap`.*did you mean `vamp`"),
        (
            "training.epochs=0",
            "`training.epochs`: input should be greater than or equal to 1, got 0",
        ),
        ("training.epochs=many", "`training.epochs`: input should be a valid integer"),
        ("objective.beta=-1", "`objective.beta.value`: .*greater than or equal to 0"),
        ("task_name=../elsewhere", "`task_name`: a plain folder name is needed"),
        ("training=3", "`training`: "),
        ("figures.at_end=[manifolds]", "`figures.at_end.0.kind` is `manifolds`.*`manifold`"),
    ],
)
def test_mistakes_are_explained(assignment: str, message: str) -> None:
    with pytest.raises(BadValueError, match=message):
        experiment(assignment)


@pytest.mark.parametrize("assignment", ["model.latent", "=3", "model..latent=3"])
def test_what_is_no_override_is_said(assignment: str) -> None:
    with pytest.raises(BadValueError, match="is not an override; write key=value"):
        override(Experiment, {}, [assignment])


@pytest.mark.parametrize(
    ("assignments", "pixels"),
    [
        (["data={kind: mnist, validation: 5}", "data.pixels=signed"], "signed"),
        (["data.pixels=signed", "data={kind: mnist, validation: 5}"], "unit"),
        (["data.pixels.mode=static", "data.pixels=binary"], "binary"),
        (["data.pixels=signed", "data.pixels=levels"], "levels"),
    ],
)
def test_overrides_hold_in_their_order_but_for_a_kind_below(
    assignments: list[str], pixels: str
) -> None:
    assert experiment(*assignments).data.pixels.kind == pixels


def test_an_override_through_a_number_is_refused() -> None:
    with pytest.raises(BadValueError, match=r"goes through `model\.latent`, which is 2"):
        override(Experiment, {"model": {"latent": 2}}, ["model.latent.x=3"])


def test_plateau_on_validation_needs_validation() -> None:
    with pytest.raises(BadValueError, match="use `watch: train`"):
        experiment("data.validation=0", "training.learning_rate_schedule=plateau")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1, 2", r"line 1.*not valid YAML|line 2.*not valid YAML"),
        (b"a: 1\na: 2\n", "line 2, column 1: .*`a` stands twice"),
        (b"- 1\n", "a config is a mapping"),
        (b"", "a config is a mapping"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"a: !!python/object/apply:os.system [ls]\n", "not valid YAML"),
    ],
)
def test_bad_yaml_says_where(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(BadValueError, match=message) as error:
        read_yaml(path)
    assert "bad.yaml" in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nothing\.yaml"):
        read_yaml(tmp_path / "nothing.yaml")


@pytest.mark.parametrize(
    ("model", "objective", "message"),
    [
        (
            "model.posterior=iaf",
            "objective=tcvae",
            r"model\.posterior is `diagonal_normal`, but it is",
        ),
        (
            "model.posterior=iaf",
            "objective=stl",
            r"`full_normal` or `mixture`, but it is `iaf`",
        ),
        (
            "model.prior=mixture",
            "objective=info",
            r"model\.prior is `standard_normal`, but it is `mix",
        ),
    ],
)
def test_an_objective_that_cannot_be_computed_is_refused(
    model: str, objective: str, message: str
) -> None:
    with pytest.raises(BadValueError, match=message):
        validate(Experiment, override(Experiment, {}, [model, objective]), "test")


def test_one_fault_is_told_once() -> None:
    for faulty, said in (
        (
            {"model": {"likelihood": {"kind": "gaussian", "scale": -1}}},
            "x: `model.likelihood.scale`: input should be greater than 0, or 'learned' or "
            "'per_pixel', got -1",
        ),
        (
            {"data": {"kind": "images", "size": "large"}},
            "x: `data.size`: input should be a valid integer, unable to parse string as an "
            "integer, or a valid tuple, or 'auto', got 'large'",
        ),
        ({"evaluation": {"metrics": ["foo"]}}, "x: `evaluation.metrics.0.kind` is `foo`, which "),
    ):
        with pytest.raises(BadValueError) as caught:
            validate(Experiment, {"data": {"kind": "digits"}} | faulty, "x")
        assert str(caught.value).startswith(said)
        assert "\n" not in str(caught.value)
