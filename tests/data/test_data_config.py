from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from vaelab.config import to_yaml
from vaelab.data import (
    BinarizedMnistData,
    CsvData,
    DataConfig,
    DigitsData,
    FashionMnistData,
    ImagesData,
    MnistData,
    NpzData,
    ShardsData,
    Source,
    SpritesData,
)
from vaelab.registry import descriptions

ALL: list[Source] = [
    DigitsData(),
    MnistData(path=Path("a"), validation=5000),
    FashionMnistData(seed=3),
    BinarizedMnistData(path=Path("a"), validation=0),
    CsvData(train=Path("a.csv"), test=Path("b.csv")),
    ImagesData(path=Path("a"), size=(32, 64), channels=3),
    NpzData(path=Path("a.npz"), test_fraction=0.5),
    SpritesData(size=64, rotations=1),
    ShardsData(train="https://host/{00..99}.tar", size=(32, 64), damaged="skip"),
]


@pytest.mark.parametrize("config", ALL, ids=lambda config: config.kind)
def test_every_kind_comes_back_from_yaml(config: Source) -> None:
    written = yaml.safe_load(to_yaml(config))
    assert next(iter(written)) == "kind"
    assert TypeAdapter(DataConfig).validate_python(written) == config


@pytest.mark.parametrize("config", ALL, ids=lambda config: config.kind)
def test_every_kind_and_every_key_is_described(config: Source) -> None:
    first = (type(config).__doc__ or "").split("\n\n")[0]
    assert first.endswith(".")
    assert {*type(config).model_fields} - {*descriptions(type(config))} <= {"kind"}


@pytest.mark.parametrize(
    "keys",
    [
        {"kind": "digits", "path": "a"},
        {"kind": "mnist", "test_fraction": 0.1},
        {"kind": "mnist", "validation": -1},
        {"kind": "npz", "path": "a", "test_fraction": 1},
        {"kind": "csv"},
        {"kind": "sprites", "size": 28},
        {"kind": "sprites", "positions": 33},
        {"kind": "nonsense"},
    ],
)
def test_keys_that_a_kind_does_not_have(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(DataConfig).validate_python(keys)
