"""What a bundle's manifest says: checked before anything is opened or sent by it."""

from collections.abc import Mapping
from math import ceil
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from vaelab.records import Classes, Count, Epoch, Finite, ImageShape, Record, Text

FORMAT = "vaelab-bundle"
VERSION = 1
LONGEST = 2**28
"""Bytes of a manifest."""
KEPT = 10_000
"""Steps of a bundle: files have four digits."""
LARGEST = 2**31
"""Weights of a model, and numbers of the codes of a step."""
PNG = b"\x89PNG\r\n\x1a\n"
"""How a PNG file begins."""

Index = Annotated[int, Field(ge=0, lt=KEPT)]


class Step(Record):
    """A step whose weights and codes are kept."""

    index: Index
    step: Count
    epoch: Epoch
    loc_unit: Finite
    log_scale_unit: Finite
    scale: Finite | None = None
    readings: dict[str, str | float | None] = Field(default_factory=dict)


def _some(steps: list[Step]) -> list[Step]:
    if not steps:
        raise ValueError("it holds no step")
    return steps


class Images(Record):
    """The images whose codes are kept."""

    count: Annotated[int, Field(ge=1, le=2**24)]
    total: Count
    columns: Annotated[int, Field(ge=1, le=2**16)]
    split: str


class Data(Record):
    """Where they come from."""

    name: Text
    domain: str
    shape: ImageShape
    classes: Classes


class Kind(Record):
    """A kind of prior or likelihood."""

    kind: str


class Conditional(Record):
    """Whether encoder and decoder read the class."""

    encoder: bool
    decoder: bool


class ManifestRecord(Record):
    """manifest.json, as far as this version reads it."""

    data: Data
    images: Images
    latent: Annotated[int, Field(ge=1, le=2**20)]
    weights: Annotated[int, Field(ge=0, le=LARGEST)]
    steps: Annotated[list[Step], Field(max_length=KEPT), AfterValidator(_some)]
    unsupported: str | None
    encoder: dict[str, Any] | None
    decoder: dict[str, Any] | None
    conditional: Conditional
    prior: Kind
    likelihood: Kind
    golden: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _goes_together(self) -> "ManifestRecord":
        if len({step.index for step in self.steps}) < len(self.steps):
            raise ValueError("two steps have the same index")
        if self.images.count * self.latent > LARGEST:
            raise ValueError(f"{self.images.count} codes of {self.latent} numbers")
        if not self.unsupported and not (self.encoder and self.decoder):
            raise ValueError("a graph is missing")
        return self


def check_atlas(content: bytes, manifest: Mapping[str, Any]) -> None:
    """Refuse thumbnails that are no PNG, or of other images than the manifest says.

    Raises:
        ValueError: what they are.
    """
    size = tuple(int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    images, (_, height, width) = manifest["images"], manifest["data"]["shape"]
    wanted = (images["columns"] * width, ceil(images["count"] / images["columns"]) * height)
    if not content.startswith(PNG) or size != wanted:
        raise ValueError(f"thumbs.png is no PNG picture of {wanted[0]} x {wanted[1]} pixels")
