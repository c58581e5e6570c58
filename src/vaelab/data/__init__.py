"""Images and labels: where they come from, how they are split, what a pixel means."""

from typing import Annotated

from vaelab.data.binarized import BinarizedMnistData
from vaelab.data.csv import CsvData
from vaelab.data.digits import DigitsData
from vaelab.data.images import ImagesData
from vaelab.data.mnist import FashionMnistData, MnistData
from vaelab.data.npz import NpzData
from vaelab.data.pixels import (
    BinaryPixels,
    Domain,
    LevelsPixels,
    PixelsConfig,
    SignedPixels,
    UnitPixels,
)
from vaelab.data.raw import Raw, undivided
from vaelab.data.shards.source import ShardsData
from vaelab.data.source import Source, UndividedSource
from vaelab.data.sprites import SpritesData
from vaelab.data.store import Split, Store
from vaelab.registry import ONE_OF

DataConfig = Annotated[Source, ONE_OF]

__all__ = [
    "BinarizedMnistData",
    "BinaryPixels",
    "CsvData",
    "DataConfig",
    "DigitsData",
    "Domain",
    "FashionMnistData",
    "ImagesData",
    "LevelsPixels",
    "MnistData",
    "NpzData",
    "PixelsConfig",
    "Raw",
    "ShardsData",
    "SignedPixels",
    "Source",
    "Split",
    "SpritesData",
    "Store",
    "UndividedSource",
    "UnitPixels",
    "undivided",
]
