"""What a bundle's manifest says: checked before anything is opened or sent by it."""

from collections.abc import Mapping
from math import ceil, prod
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from vaelab.runs.records import Classes, Count, Epoch, Finite, ImageShape, Record, Text

FORMAT = "vaelab-bundle"
VERSION = 1
MAX_MANIFEST_BYTES = 2**28
"""Bytes of a manifest."""
KEPT = 10_000
"""Steps of a bundle: files have four digits."""
MAX_COUNT = 2**31
"""Weights of a model, and numbers of the codes of a step."""
PNG = b"\x89PNG\r\n\x1a\n"
"""How a PNG file begins."""


class Prior(Record):
    """p(z) as a mixture of normal distributions."""

    weights: Annotated[list[Finite], Field(min_length=1)]
    loc_unit: Finite
    log_scale_unit: Finite
    parts: str
    exact: bool
    by_class: bool


class Step(Record):
    """A step whose weights and codes are kept."""

    index: Annotated[int, Field(ge=0, lt=KEPT)]
    step: Count
    epoch: Epoch
    loc_unit: Finite
    log_scale_unit: Finite
    bits: Literal[7, 16] = 16
    """Of each weight, as it lies on the disk."""
    scale: Finite | None = None
    readings: dict[str, str | float | None] = Field(default_factory=dict)
    prior: Prior | None = None


class Images(Record):
    """The images whose codes are kept."""

    count: Annotated[int, Field(ge=1, le=2**24)]
    total: Count
    columns: Annotated[int, Field(ge=1, le=2**16)]
    split: str


class Ink(Record):
    """How the training images are drawn, in brightness and in pixels."""

    ground: Finite
    ink: Finite
    longest: Finite
    stroke: Finite
    mass: Finite | None
    centre: Literal["mass", "box"]
    at: Annotated[list[Finite], Field(min_length=2, max_length=2)]


class Data(Record):
    """Where they come from."""

    name: Text
    domain: str
    shape: ImageShape
    classes: Classes
    ink: Ink | None = None


class Codebook(Record):
    """Where a code is a grid of its entries."""

    entries: Annotated[int, Field(ge=2, le=2**16)]
    grid: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]


class Levels(Record):
    """Where there is a lower code between the image and the code."""

    lower: Annotated[int, Field(ge=1, le=4096)]
    upwards: dict[str, Any]
    downwards: dict[str, Any]


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
    weights: Annotated[int, Field(ge=0, le=MAX_COUNT)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=KEPT)]
    unsupported: str | None
    encoder: dict[str, Any] | None
    decoder: dict[str, Any] | None
    conditional: Conditional
    prior: Kind
    likelihood: Kind
    codebook: Codebook | None = None
    levels: Levels | None = None
    golden: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _goes_together(self) -> "ManifestRecord":
        if len({step.index for step in self.steps}) < len(self.steps):
            raise ValueError("two steps have the same index")
        if self.images.count * self.latent > MAX_COUNT:
            raise ValueError(f"{self.images.count} codes of {self.latent} numbers")
        if self.codebook and prod(self.codebook.grid) != self.latent:
            raise ValueError(f"a grid of {self.codebook.grid}, and codes of {self.latent} numbers")
        if not self.unsupported and not (self.encoder and self.decoder):
            raise ValueError("a graph is missing")
        return self


def check_atlas(content: bytes, manifest: Mapping[str, Any]) -> None:
    """A ValueError if thumbnails are no PNG, or of other images than the manifest says."""
    size = tuple(int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    images, (_, height, width) = manifest["images"], manifest["data"]["shape"]
    wanted = (images["columns"] * width, ceil(images["count"] / images["columns"]) * height)
    if not content.startswith(PNG) or size != wanted:
        raise ValueError(f"thumbs.png is no PNG picture of {wanted[0]} x {wanted[1]} pixels")
