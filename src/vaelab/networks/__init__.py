"""Networks: images to features and codes to images, as data (layer specs) and as modules."""

from typing import Annotated

from vaelab.networks.base import BaseDecoder, BaseEncoder
from vaelab.networks.conv import ConvDecoder, ConvEncoder
from vaelab.networks.mlp import MLPDecoder, MLPEncoder
from vaelab.networks.network import Network
from vaelab.networks.own import OwnNetwork
from vaelab.networks.resnet import ResNetDecoder, ResNetEncoder
from vaelab.registry import ONE_OF

EncoderConfig = Annotated[BaseEncoder, ONE_OF]
DecoderConfig = Annotated[BaseDecoder, ONE_OF]

__all__ = [
    "BaseDecoder",
    "BaseEncoder",
    "ConvDecoder",
    "ConvEncoder",
    "DecoderConfig",
    "EncoderConfig",
    "MLPDecoder",
    "MLPEncoder",
    "Network",
    "OwnNetwork",
    "ResNetDecoder",
    "ResNetEncoder",
]
