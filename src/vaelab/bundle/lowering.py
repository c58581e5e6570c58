"""From a model to the graphs of its encoder and decoder, and to their weights at any moment."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from torch import nn

from vaelab.bundle.graph import Graph, Op, UnsupportedLayerError
from vaelab.bundle.parts import Affine, Array, Part, Sum, parts
from vaelab.distributions.family import Family
from vaelab.distributions.normal import LOG_VARIANCE_BOUND, SMALLEST_SCALE, DiagonalNormal
from vaelab.likelihoods.bernoulli import BernoulliPixels
from vaelab.likelihoods.continuous_bernoulli import ContinuousBernoulliPixels
from vaelab.likelihoods.location_scale import LocationScale
from vaelab.likelihoods.optimal_gaussian import OptimalGaussian
from vaelab.models import FlatLatent
from vaelab.models.base import NetworkDistribution
from vaelab.models.vae import VAE
from vaelab.networks import Network


@dataclass(frozen=True)
class Lowered:
    """Encoder and decoder as graphs over one vector of weights.

    Attributes:
        encoder: x (and class) to loc and scale of q(z|x).
        decoder: z (and class) to the mean of p(x|z).
    """

    encoder: Graph
    decoder: Graph
    _tensors: tuple[Callable[[], Array], ...]

    def weights(self) -> Array:
        """Every tensor of both graphs as the model has them now, float64, one after the other."""
        return np.concatenate([tensor().ravel() for tensor in self._tensors])


CLASS = 1
"""The id of the class, where it is read."""


def lower(model: FlatLatent) -> Lowered:
    """The graphs of a model; batch norm is folded, linear layers without anything between are one.

    Raises:
        UnsupportedLayerError: the model has a layer that no operation stands for.
    """
    if not isinstance(model, VAE):
        raise UnsupportedLayerError(type(model).__name__)
    tensors: list[Callable[[], Array]] = []
    encoder = _Builder("x", tensors)
    encoder_outputs = encoder.posterior(model)
    decoder = _Builder("z", tensors)
    decoder_outputs = {"mean": decoder.likelihood(model.decoder)}
    return Lowered(encoder.graph(encoder_outputs), decoder.graph(decoder_outputs), tuple(tensors))


class _Builder:
    def __init__(self, given: str, tensors: list[Callable[[], Array]]) -> None:
        self.given = given
        self.tensors = tensors
        self.ops: list[Op] = []
        self.reads_class = False

    def graph(self, outputs: dict[str, int]) -> Graph:
        inputs = {self.given: 0} | ({"class": CLASS} if self.reads_class else {})
        return Graph(inputs, tuple(self.ops), outputs)

    def posterior(self, model: VAE) -> dict[str, int]:
        encoder, latent, x = model.encoder, model.latent, 0
        if model.input_factor != 1:
            x = self.add("times", x, model.image_shape, factor=model.input_factor)
        features = self.chain(parts(encoder.trunk), x)
        if not isinstance(encoder.family, DiagonalNormal):
            raise UnsupportedLayerError(type(encoder.family).__name__)
        heads = [parts(cast(Network, head)) for head in encoder.heads]
        if len(heads) == 1:
            heads = [_rows(heads[0], 0, latent), _rows(heads[0], latent, 2 * latent)]
        loc, spread = (self.chain(head, features) for head in heads)
        if encoder.family.mode == "log_variance":
            bounded = self.add("soft_bound", spread, (latent,), bound=LOG_VARIANCE_BOUND)
            return {"loc": loc, "scale": self.add("exp_half", bounded, (latent,))}
        return {"loc": loc, "scale": self.add("abs_plus", spread, (latent,), floor=SMALLEST_SCALE)}

    def likelihood(self, decoder: NetworkDistribution) -> int:
        params = self.chain(parts(decoder.trunk), 0)
        shape = decoder.trunk.output_shape
        match _mean(decoder.family):
            case None:
                return params
            case name:
                return self.add(name, params, shape)

    def chain(self, members: Iterable[Part | Sum], value: int) -> int:
        for member in members:
            if isinstance(member, Sum):
                inner = self.chain(member.inner, value)
                value = self.part(Part("add", member.shape), value, inner)
            else:
                value = self.part(member, value)
        return value

    def part(self, part: Part, *values: int) -> int:
        self.reads_class |= bool(part.of_class)
        inputs = [*values, *(self.chain(members, CLASS) for members in part.of_class)]
        tensors: dict[str, tuple[int, int] | None] = {}
        if part.affine is not None:
            tensors["weight"] = self.place(part.affine.weight)
            tensors["bias"] = part.affine.bias and self.place(part.affine.bias)
        op = Op(part.name, tuple(inputs), len(self.ops) + 2, part.shape, tensors, part.settings)
        self.ops.append(op)
        return op.output

    def add(self, name: str, value: int, shape: Sequence[int], **settings: Any) -> int:
        return self.part(Part(name, tuple(shape), settings), value)

    def place(self, tensor: Callable[[], Array]) -> tuple[int, int]:
        offset = sum(earlier().size for earlier in self.tensors)
        self.tensors.append(tensor)
        return offset, tensor().size


def _rows(members: list[Part | Sum], first: int, last: int) -> list[Part | Sum]:
    """The same network with some of its outputs alone."""
    *before, final = members
    if not isinstance(final, Part) or final.affine is None or final.affine.bias is None:
        raise UnsupportedLayerError("a head that ends in no linear layer")
    weight, bias = final.affine.weight, final.affine.bias
    taken = Affine(lambda: weight()[first:last], lambda: bias()[first:last])
    return [*before, replace(final, shape=(last - first,), affine=taken)]


def _mean(family: Family | nn.Module) -> str | None:
    """The operation from a likelihood's parameters to its mean; None where they are the mean."""
    if isinstance(family, LocationScale | OptimalGaussian):
        return None
    if isinstance(family, BernoulliPixels):
        return "sigmoid"
    if isinstance(family, ContinuousBernoulliPixels):
        return "continuous_bernoulli_mean"
    raise UnsupportedLayerError(type(family).__name__)
