"""A trap as data: a mistake beside its cure, and how the difference is measured."""

from difflib import get_close_matches
from typing import Annotated

from pydantic import Field

from vaelab.config import Config, validate
from vaelab.errors import MissingFileError
from vaelab.experiment import Experiment
from vaelab.library import load_experiment, shipped_traps
from vaelab.traps.bound import BoundMeasure
from vaelab.traps.cross_entropy import CrossEntropyMeasure
from vaelab.traps.mean_code import MeanCodeMeasure
from vaelab.traps.minibatch import MinibatchMeasure
from vaelab.traps.surrogate import SurrogateMeasure
from vaelab.yamlfile import read_yaml

Measure = Annotated[
    BoundMeasure | CrossEntropyMeasure | MeanCodeMeasure | MinibatchMeasure | SurrogateMeasure,
    Field(discriminator="kind"),
]

NO_PICTURES = ("figures={every_epoch: [], at_end: []}", "explorer.keep=0")


class Side(Config):
    """The mistake, or the cure."""

    name: str
    """What is done."""
    set: tuple[str, ...] = ()
    """Overrides that do it; none on both sides: one run is measured in two ways."""


class Trap(Config):
    """A classic mistake, to be run beside what is right."""

    title: str
    """What the mistake is, in a few words."""
    config: str = "digits"
    """The shipped config that both sides are."""
    set: tuple[str, ...] = ()
    """Overrides of both."""
    wrong: Side
    """The mistake."""
    right: Side
    """The cure."""
    measure: Measure
    """How the two numbers are measured."""
    why: str
    """A few sentences for a student."""
    reference: str
    """Who says so."""

    def experiments(self, name: str) -> tuple[Experiment, Experiment]:
        """What is trained for either side; the same where they differ in the measure alone."""
        alike = self.wrong.set == self.right.set
        wrong, right = (
            load_experiment(
                self.config,
                [*self.set, *side.set, *NO_PICTURES,
                 f"task_name=trap_{name}" + ("" if alike else f"_{which}")],
            )[0]
            for which, side in (("wrong", self.wrong), ("right", self.right))
        )  # fmt: skip
        return wrong, right


def traps() -> dict[str, Trap]:
    """Those that come with vaelab, by name."""
    return {
        name: validate(Trap, read_yaml(path), str(path)) for name, path in shipped_traps().items()
    }


def trap_named(name: str) -> Trap:
    """A trap.

    Raises:
        MissingFileError: there is none of this name; with the nearest.
    """
    known = traps()
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    raise MissingFileError(f"there is no trap `{name}`; {hint}the traps are {', '.join(known)}")
