"""A model that was given as an object."""

from copy import deepcopy
from typing import Literal

import torch
from pydantic import PrivateAttr

from vaelab.data.pixels import Domain
from vaelab.distributions import PosteriorConfig
from vaelab.errors import BadCombinationError, any_code
from vaelab.likelihoods.base import GivenLikelihood
from vaelab.models.base import BaseModel, Explorable, FlatLatent, LatentVariableModel
from vaelab.models.printing import words
from vaelab.models.vae import VAE
from vaelab.networks.base import ImageShape
from vaelab.networks.network import evaluating
from vaelab.priors import PriorConfig


class GivenModel(BaseModel):
    """An object of Python's, which a config can describe and not make.

    The config of a run says of what it was made. In the process that trained it the object is at
    hand; elsewhere it is given again, e.g. `vaelab.load(run, model=...)`.
    """

    kind: Literal["given"] = "given"
    made_of: str
    """Its modules, in words."""
    like: Literal["vae", "vector", "numbers", "other"]
    """It is a `VAE`; another model whose code is a vector; another that stands for an image by a
    row of numbers; a model of another kind."""
    latent: int
    """Dimension of the code."""
    posterior: PosteriorConfig | None = None
    """Of a `VAE`, where it is no module."""
    prior: PriorConfig | None = None
    """Likewise."""
    reads_class: tuple[str, ...] = ()
    """What reads the class: encoder, decoder, prior, or model where that is not known."""

    _object: LatentVariableModel | None = PrivateAttr(default=None)

    @classmethod
    def of(
        cls, model: LatentVariableModel, image_shape: ImageShape, domain: Domain, classes: int
    ) -> "GivenModel":
        """Of a model and the images it is for; the model stays as it is."""
        trial = _copied(model, image_shape, domain, classes)
        discrete = _is_discrete(trial)
        if isinstance(model, VAE) and isinstance(trial, VAE):
            settings = model.settings
            reads = sorted(model.reads_class) + ["prior"] * trial.prior.reads_class
            config = cls(
                made_of=f"VAE({words(model.encoder.trunk)}, {words(model.decoder.trunk)})",
                like="vae", latent=model.latent, reads_class=tuple(reads),
                posterior=settings.posterior, prior=settings.prior,
                likelihood=settings.likelihood or GivenLikelihood(
                    made_of=type(model.decoder.family).__name__, discrete=discrete
                ),
            )  # fmt: skip
        else:
            config = cls(
                made_of=words(model), like=_likeness(model),
                latent=model.latent if isinstance(model, Explorable) else model.latent_shape[0],
                reads_class=("model",) if trial.classes else (),
                likelihood=GivenLikelihood(made_of=type(model).__name__, discrete=discrete),
            )  # fmt: skip
        return config.holding(model)

    def holding(self, model: LatentVariableModel) -> "GivenModel":
        """The same with an object."""
        config = self.model_copy()
        config._object = model
        return config

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GivenModel) and self.model_dump() == other.model_dump()

    @property
    def flat(self) -> bool:  # type: ignore[override]
        """Whether its code is a vector."""
        return self.like in ("vae", "vector")

    @property
    def explorable(self) -> bool:  # type: ignore[override]
        """Whether the explorer shows it."""
        return self.like != "other"

    @property
    def prior_kind(self) -> str:
        return self.kind if self.prior is None else self.prior.kind

    @property
    def conditional(self) -> bool:
        return bool(self.reads_class)

    @property
    def numbers_conditional(self) -> bool:
        return bool({"decoder", "prior", "model"} & set(self.reads_class))

    def build(self, image_shape: ImageShape, domain: Domain, classes: int) -> LatentVariableModel:
        """A copy of the object, with the parameters that it has."""
        if self._object is None:
            raise BadCombinationError(
                f"the model was given as an object, {self.made_of}, which no config can make; in "
                "Python, give it again: vaelab.load(run, model=...), likewise evaluate, figure, "
                "diagnose and explore, or vaelab.fit(model, ..., resume=True) to go on"
            )
        copy = _copied(self._object, image_shape, domain, classes)
        return copy.to(torch.get_default_dtype())


def _copied(
    model: LatentVariableModel, image_shape: ImageShape, domain: Domain, classes: int
) -> LatentVariableModel:
    with any_code(
        "the model cannot be copied; keep in its modules what copy.deepcopy can copy, and no "
        "results of earlier computations"
    ):
        copy = deepcopy(model)
    copy.prepare(image_shape, domain, classes)
    return copy


def _likeness(model: LatentVariableModel) -> Literal["vector", "numbers", "other"]:
    if isinstance(model, FlatLatent):
        return "vector"
    return "numbers" if isinstance(model, Explorable) else "other"


def _is_discrete(model: LatentVariableModel) -> bool:
    """Whether p(x|z) gives probabilities."""
    x = next(model.parameters()).new_zeros(1, *model.image_shape)
    context = x.new_zeros(1, model.classes) if model.classes else None
    failure = f"{type(model).__name__} cannot reconstruct an image"
    with any_code(failure), evaluating(model), torch.no_grad():
        likelihood = model.reconstruct(x, context)
    try:
        support = likelihood.support
        return support is not None and bool(support.is_discrete)
    except NotImplementedError:
        return False
