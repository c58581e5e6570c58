"""Images and labels: where they come from, how they are split, what a pixel means."""

from typing import Annotated

from vaelab.data.float_pixels import FloatPixels
from vaelab.data.pixels import (
    BinaryPixels,
    Domain,
    LevelsPixels,
    PixelsConfig,
    SignedPixels,
    UnitPixels,
)
from vaelab.data.raw import Raw, undivided
from vaelab.data.source import Source, UndividedSource
from vaelab.data.sources.arrays import ArraysData, arrays
from vaelab.data.sources.binarized import BinarizedMnistData
from vaelab.data.sources.csv import CsvData
from vaelab.data.sources.digits import DigitsData, Mnist3000Data
from vaelab.data.sources.images import ImagesData
from vaelab.data.sources.mnist import FashionMnistData, MnistData
from vaelab.data.sources.npz import NpzData
from vaelab.data.sources.shards import ShardsData
from vaelab.data.sources.sprites import SpritesData
from vaelab.data.store import Split, Store
from vaelab.registry import ONE_OF

DataConfig = Annotated[Source, ONE_OF]

__all__ = [
    "ArraysData",
    "BinarizedMnistData",
    "BinaryPixels",
    "CsvData",
    "DataConfig",
    "DigitsData",
    "Domain",
    "FashionMnistData",
    "FloatPixels",
    "ImagesData",
    "LevelsPixels",
    "Mnist3000Data",
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
    "arrays",
    "undivided",
]
