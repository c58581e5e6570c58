"""What every objective promises, and an objective that was given as a function."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field, PrivateAttr
from torch import Tensor

from vaelab.errors import BadCombinationError, any_code
from vaelab.models import Terms
from vaelab.optim import Schedule
from vaelab.registry import Axis, Kind

Controls = Mapping[str, Float[Tensor, ""]]


class BaseObjective(Kind, ABC):
    """Terms to the number that training minimises; the frozen config is the callable."""

    axis = Axis(
        "objective", "objective",
        "What training minimises, in nats per image; every run logs distortion, rate and ELBO "
        "whatever it is.",
    )  # fmt: skip

    needs_flat: ClassVar[bool] = False
    """Whether it can be computed only where the code is one vector."""
    needs: ClassVar[Mapping[str, str]] = {}
    """Facts that it relies on, of the kind that the model has there: `posterior`, `prior`."""
    couples: ClassVar[bool] = False
    """Whether it is more than the mean of a number per image, so that it needs the whole batch."""
    alone: ClassVar[bool] = False
    """Whether it cannot be computed for several models as one: they take their steps in turn."""
    linear: ClassVar[bool] = False
    """Whether it is the distortion plus `rate_price` times the rate."""
    has_rate_price: ClassVar[bool] = True
    """Whether a nat of rate costs the same whatever it is spent on: its `beta`, or 1."""
    holds_rate: ClassVar[bool] = False
    """Whether it says how large the rate is to be."""
    keeps_last: ClassVar[bool] = False
    """Whether the last weights are kept, since its smallest loss does not tell the best ones."""

    @property
    def num_samples(self) -> int:
        """K, posterior samples per image and step: its setting `samples`, where it has one."""
        return int(dict(self).get("samples", 1))

    @property
    def own(self) -> str | None:
        """What computes it, where that is the user's own code."""
        return None if type(self).__module__.startswith("vaelab.") else self.kind

    @property
    def controls(self) -> Mapping[str, Schedule]:
        """Its settings that change while training, evaluated outside and handed in as tensors."""
        return {name: value for name, value in self if isinstance(value, Schedule)}

    def unfinished(self, epochs: float) -> Mapping[str, Schedule]:
        """Those of `controls` that would still change after so many epochs."""
        return {name: one for name, one in self.controls.items() if one.length > epochs}

    def rate_price(self, controls: Mapping[str, float]) -> float | None:
        """Nats that a nat of rate costs in it; None: parts of the rate have prices of their own."""
        return controls.get("beta", 1.0) if self.has_rate_price else None

    @abstractmethod
    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """The loss in nats per image, averaged over the batch.

        Args:
            terms: of a batch.
            controls: the settings that change, and `images`: how many there are to train on.
        """


Function = Callable[[Terms], Tensor]


class GivenObjective(BaseObjective):
    """A function of Python's, which a config can name and not make.

    It takes the `Terms` of a batch and gives nats to minimise: a number for each image, `(b,)`,
    whose mean is taken, or one number for the batch.
    """

    couples: ClassVar[bool] = True
    alone: ClassVar[bool] = True
    has_rate_price: ClassVar[bool] = False

    kind: Literal["given"] = "given"
    made_of: str
    """Its name."""
    samples: int = Field(default=1, ge=1)
    """Posterior samples per image and step."""

    _function: Function | None = PrivateAttr(default=None)

    @property
    def own(self) -> str:
        return self.made_of

    def holding(self, function: Function) -> "GivenObjective":
        """The same with a function."""
        config = self.model_copy()
        config._function = function
        return config

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GivenObjective) and self.model_dump() == other.model_dump()

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """The function's value, or the mean of its values."""
        if self._function is None:
            raise BadCombinationError(
                f"the objective was given as a function, `{self.made_of}`, which no config can "
                "make; give it again: vaelab.fit(..., objective=..., resume=True)"
            )
        with any_code(f"the objective `{self.made_of}` failed"):
            value = self._function(terms)
        images = terms.log_likelihood.shape[1]
        if not isinstance(value, Tensor) or value.shape not in {(), (images,)}:
            got = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else (
                f"a {type(value).__name__}"
            )  # fmt: skip
            raise BadCombinationError(
                f"the objective `{self.made_of}` gave {got} for {images} images; wanted is one "
                f"number for each, ({images},), as terms.distortion and terms.rate are, or one for "
                "all, ()"
            )
        if torch.is_grad_enabled() and not value.requires_grad:
            raise BadCombinationError(
                f"what the objective `{self.made_of}` gave has no gradient; make it of the terms' "
                "tensors, without .item(), .detach() or NumPy"
            )
        loss = value.mean()
        return loss if terms.auxiliary is None else loss + terms.auxiliary.mean()
