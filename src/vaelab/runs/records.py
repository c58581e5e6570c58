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
    ValidationError,
)

from vaelab.console import visible
from vaelab.errors import BadValueError, typed
from vaelab.files import may_be_there, read_bytes
from vaelab.yamlfile import quoted

Row = dict[str, Any]
MAX_RECORD_BYTES = 2**24
MAX_LOG_BYTES = 2**30
"""Bytes of a log: some millions of lines."""
MAX_IMAGE_VALUES = 2**24


def _small(shape: list[int]) -> list[int]:
    if prod(shape) > MAX_IMAGE_VALUES:
        raise ValueError(f"an image of {shape} has more than {MAX_IMAGE_VALUES:,} numbers")
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


class NumberRecord(Record):
    """A number of an evaluation."""

    value: Finite
    unit: str
    estimator: str
    standard_error: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


class EvaluationFacts(Record):
    """What evaluation.json says of what was measured."""

    run: Text
    """The run's folder name."""
    split: str
    images: Count
    epoch: Count | Epoch
    weights: str
    """Their digest; the numbers are of these, and of no others the run may get."""
    kept_by: KeptBy
    kept_value_nats: Finite | None
    data_checksum: str
    """Of the data and its splits."""
    images_checksum: str
    """Of the images measured, as they lie before their use draws pixels, and of their labels where
    the numbers depend on them; numbers of others are not comparable."""
    likelihood: Text
    limit: Text
    """What bounds its density, where the numbers are those of that bound; likewise."""
    measure: Literal["lebesgue", "counting"]
    """What its density is against; numbers under different ones are not comparable."""
    pixels: str
    """Their domain and how they were drawn, likewise."""
    conditional: bool
    """Whether the numbers are about p(x|c), likewise."""


class EvaluationRecord(EvaluationFacts):
    """evaluation.json."""

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
    kept_by: KeptBy
    kept_value_nats: Finite | None
    valid_elbo_nats: Finite | None


class _Saved(Record):
    step: Count
    epoch: Count


class CheckpointRecord(Record):
    """What the header of resume.safetensors says, to those who do not train."""

    progress: _Saved


def kept_words(about: Row) -> str:
    """What weights were chosen by, as their file or evaluation.json says, for people."""
    match about["kept_by"], about["kept_value_nats"]:
        case "valid_elbo", float(value):
            return f"best validation ELBO, {value:,.2f} nats"
        case "valid_loss", float(value):
            return f"smallest validation loss, {value:,.2f} nats"
    return "the last"


def read_record(path: Path, schema: type[BaseModel]) -> Row:
    """What a file of JSON says, unchanged."""
    content = _parsed(path, read_bytes(path, MAX_RECORD_BYTES))
    check(path, schema, content)
    record: Row = content
    return record


def read_rows(path: Path) -> list[Row]:
    """The lines of a log, unchanged; a last line cut short by a kill is left out."""
    lines = read_bytes(path, MAX_LOG_BYTES).split(b"\n")[:-1]
    return [_row(path, line, number) for number, line in enumerate(lines, 1)]


def read_rows_at(path: Path, step: int | None) -> tuple[Row | None, Row | None]:
    """The last line of a log, and its line of the validation images at a step; None: there is none.

    Nothing else of it is parsed: a list of many runs asks for this.
    """
    if not may_be_there(path):
        return None, None
    content = read_bytes(path, MAX_LOG_BYTES)
    content = content[: content.rfind(b"\n") + 1]
    end = content.rfind(b"\n", 0, -1) + 1
    last = _row(path, content[end:], content.count(b"\n")) if content else None
    mark = b'"step": %d,' % (-1 if step is None else step)
    place = content.rfind(mark)
    while place >= 0:
        begin = content.rfind(b"\n", 0, place) + 1
        number = content.count(b"\n", 0, begin) + 1
        row = _row(path, content[begin : content.find(b"\n", place)], number)
        if (row["step"], row["split"]) == (step, "valid"):
            return last, row
        place = content.rfind(mark, 0, begin)
    return last, None


def check(path: Path, schema: type[BaseModel], content: object) -> None:
    """Refuse what is not as a schema has it."""
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
    again = ""
    if path.name == "evaluation.json":
        again = f"; `vaelab evaluate {typed(path.parent)}` makes it anew"
    return BadValueError(f"{path} is damaged: {quoted(str(reason))}{again}")


def _row(path: Path, line: bytes, number: int) -> Row:
    """A line of a log."""
    try:
        row: Row = json.loads(line)
        LogRow.model_validate(row)
    except ValidationError as error:
        raise damaged(path, f"line {number}: {in_words(error)}; remove that line") from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"line {number} is not JSON; remove that line") from error
    return row


def _parsed(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
