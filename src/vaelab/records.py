"""What the JSON in a run's folder says: checked where it is read, whoever wrote it.

Keys that are not known here, such as a newer version's, are let through as they are.
"""

import json
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
)

from vaelab.console import visible
from vaelab.errors import BadValueError
from vaelab.files import read_bytes
from vaelab.yamlfile import quoted

Row = dict[str, Any]
LONGEST = 2**24
"""Bytes of a file of JSON."""
LONGEST_LOG = 2**30
"""Bytes of a log: some millions of lines."""
LARGEST_IMAGE = 2**24
"""Numbers in one."""


def _small(shape: list[int]) -> list[int]:
    if prod(shape) > LARGEST_IMAGE:
        raise ValueError(f"an image of {shape} has more than {LARGEST_IMAGE:,} numbers")
    return shape


Epoch = Annotated[float, Field(ge=0, le=2**53)]

KeptBy = Literal["valid_elbo", "valid_loss", "last"]
"""Weights are of the epoch with the largest validation ELBO at beta 1, with the smallest loss on
validation images, or of the last."""

Count = Annotated[int, Field(ge=0, le=2**53)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[
    str, BeforeValidator(lambda text: visible(text) if isinstance(text, str) else text)
]
"""Of which the bytes of a name that is no UTF-8 may be a part."""
ImageShape = Annotated[
    list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3), AfterValidator(_small)
]
Classes = Annotated[list[Text], Field(max_length=2**20)]


class Record(BaseModel):
    """A JSON object, whose types are those that stand there."""

    model_config = ConfigDict(strict=True)


class LogRow(Record):
    """A line of metrics.jsonl: where it stands, and numbers."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float] = Field(init=False)

    step: Count
    epoch: Epoch
    split: Literal["train", "valid"]
    distortion_nats: Finite
    rate_nats: Finite
    elbo_nats: Finite


class LogRows(RootModel[list[LogRow]]):
    """metrics.jsonl."""


class NumberRecord(Record):
    """A number of an evaluation."""

    value: float
    unit: str
    estimator: str
    standard_error: float | None


class EvaluationRecord(Record):
    """evaluation.json; an earlier version's may lack some of it."""

    run: Text = ""
    split: str
    images: Count = 0
    epoch: Epoch = 0
    weights: str = ""
    kept_by: KeptBy = "last"
    kept_value_nats: Finite | None = None
    data_checksum: str = ""
    images_checksum: str = ""
    likelihood: Text = ""
    limit: Text = ""
    measure: Literal["lebesgue", "counting"] = "lebesgue"
    pixels: str = ""
    conditional: bool = False
    numbers: dict[str, NumberRecord]


class EnvironmentRecord(Record):
    """environment.json."""

    data_checksum: str = ""
    plugins: dict[Text, str] = {}


class IdentityRecord(Record):
    """identity.json."""

    identity: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]


class WeightsRecord(Record):
    """What the header of weights.safetensors says."""

    image_shape: ImageShape
    classes: Classes
    step: Count
    epoch: Epoch
    kept_by: KeptBy = "last"
    kept_value_nats: Finite | None = None
    valid_elbo_nats: Finite | None = None


class _Saved(Record):
    step: Count
    epoch: Count


class CheckpointRecord(Record):
    """What the header of resume.safetensors says, to those who do not train."""

    progress: _Saved


def kept_words(about: Row) -> str:
    """What weights were chosen by, for people.

    Args:
        about: what the weights' file or evaluation.json says.
    """
    match about["kept_by"], about["kept_value_nats"]:
        case "valid_elbo", float(value):
            return f"best validation ELBO, {value:,.2f} nats"
        case "valid_loss", float(value):
            return f"smallest validation loss, {value:,.2f} nats"
    return "the last"


def with_choice(about: Row) -> Row:
    """With what an earlier version, which always took the ELBO where it could, does not say."""
    elbo = about.get("valid_elbo_nats")
    by = "last" if elbo is None else "valid_elbo"
    return {"kept_by": by, "kept_value_nats": elbo, **about}


def read_record(path: Path, schema: type[BaseModel]) -> Row:
    """What a file of JSON says, unchanged.

    Raises:
        BadValueError: the file is damaged, or not what the schema is of.
        UserError: it cannot be read.
    """
    content = _parsed(path, read_bytes(path, LONGEST))
    check(path, schema, content)
    record: Row = content
    return record


def read_rows(path: Path) -> list[Row]:
    """The lines of a log, unchanged; a last line cut short by a kill is left out.

    Raises:
        UserError: as `read_record`.
    """
    lines = read_bytes(path, LONGEST_LOG).split(b"\n")[:-1]
    rows = [_parsed(path, line) for line in lines]
    check(path, LogRows, rows)
    return rows


def check(path: Path, schema: type[BaseModel], content: object) -> None:
    """Refuse what is not as a schema has it.

    Raises:
        BadValueError: with the first place that is not.
    """
    try:
        schema.model_validate(content)
    except ValidationError as error:
        raise damaged(path, in_words(error)) from error


def in_words(error: ValidationError) -> str:
    """The first thing that a schema has against something."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return quoted(f"`{place}`: {message}" if place else message)


def damaged(path: Path, reason: object) -> BadValueError:
    """The error of a file that is not what vaelab writes."""
    return BadValueError(f"{path} is damaged: {quoted(str(reason))}")


def _parsed(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
