"""From a run to its findings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vaelab.config import override, validate
from vaelab.console import plain
from vaelab.data import Split, Store
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.data.store import ImageSpec
from vaelab.errors import BadValueError, UserError, any_code, typed
from vaelab.evaluation.diagnosis.base import Diagnosis, Finding, Measurements, Remedy, Severity
from vaelab.evaluation.diagnosis.fit import Overfitting, Saturation
from vaelab.evaluation.diagnosis.latent import Collapse, Holes, NearAutoencoder, SpareDimensions
from vaelab.evaluation.diagnosis.measure import error_numbers, measure, rounding_numbers
from vaelab.experiment import Experiment
from vaelab.files import may_be_there
from vaelab.runs.run import Run

DIAGNOSES: tuple[Diagnosis, ...] = (
    Collapse(), NearAutoencoder(), Saturation(), Overfitting(), Holes(), SpareDimensions(),
)  # fmt: skip
EXAMINED_IMAGES = 1000
"""Images looked at, of the training and of the validation set each."""
MIN_IMAGES = 10
"""Images without which nothing can be measured."""


@dataclass(frozen=True)
class Examination:
    """What was looked for in a run and what was found.

    Attributes:
        run: its folder.
        typed: that in a command, with the plugins it needs.
        images: what the numbers were measured on, in words.
        measured: the numbers.
        findings: what is wrong, the worst first.
        sound: what was looked for and not found.
        skipped: what could not be looked for, and why.
    """

    run: str
    typed: str
    images: str
    measured: Measurements
    findings: tuple[tuple[Diagnosis, Finding], ...]
    sound: tuple[Diagnosis, ...]
    skipped: tuple[tuple[Diagnosis, str], ...]

    def __repr__(self) -> str:
        """The report, as plain text."""
        return plain(report(self))


def examine(run: Run, images: int = EXAMINED_IMAGES) -> Examination:
    """Measure the weights that a run keeps and say what is wrong with it.

    Test images are never looked at: what is tried because of the findings was chosen by them.

    Args:
        run: a trained run.
        images: at most this many of the training and of the validation set each.

    Raises:
        UserError: no weights yet, the data is gone, or it has too few images.
    """
    model, _ = run.load_model()
    store, pixels = run.experiment.data.load(), run.experiment.data.pixels
    train, held, name = _splits(store, images)
    loaders = [EvalLoader(split, pixels, model.classes) for split in (train, held)]
    numbers = measure(model, loaders[0], loaders[1]) | rounding_numbers(train, pixels.domain)
    numbers |= error_numbers(numbers["elbo_nats"], len(held), store)
    measured = Measurements(run.metrics(), numbers, run.experiment.objective)
    found = diagnose(str(run.path), name, measured, partial(_possible, run, store.image_spec))
    return replace(found, typed=run.typed)


def diagnose(
    run: str, images: str, measured: Measurements, possible: Callable[[Remedy], bool]
) -> Examination:
    """Every diagnosis of what was measured, with those remedies that are possible."""
    findings: list[tuple[Diagnosis, Finding]] = []
    sound: list[Diagnosis] = []
    skipped: list[tuple[Diagnosis, str]] = []
    for diagnosis in DIAGNOSES:
        if reason := diagnosis.missing(measured):
            skipped.append((diagnosis, reason))
        elif finding := diagnosis.find(measured):
            remedies = tuple(remedy for remedy in finding.remedies if possible(remedy))
            findings.append((diagnosis, replace(finding, remedies=remedies)))
        else:
            sound.append(diagnosis)
    findings.sort(key=lambda found: -found[1].severity)
    return Examination(
        run, typed(run), images, measured, tuple(findings), tuple(sound), tuple(skipped)
    )


def _possible(run: Run, image_spec: ImageSpec, remedy: Remedy) -> bool:
    """Whether the run's config takes the overrides, and is another with them."""
    if run.experiment.prior_fit is not None and any(
        assignment.startswith("training.") for assignment in remedy.overrides
    ):
        return False  # what was measured since is the fit of the prior, no training
    try:
        config = override(Experiment, run.experiment.model_dump(mode="json"), remedy.overrides)
        changed = validate(Experiment, config, str(run.path))
        domain = changed.data.pixels.domain
        changed.model.build(image_spec.image_shape, domain, image_spec.classes)
    except UserError:
        return False
    return changed != run.experiment


def _splits(store: Store, images: int) -> tuple[Split, Split, str]:
    """Training images, others, and what they are called."""
    train, held, name = store.train, store.valid, "validation"
    if not len(held):
        # halves of the training images are both known, which is said
        order = np.arange(len(train))
        train, held, name = train.select(order[::2]), train.select(order[1::2]), "training"
    train, held = train.some(images), held.some(images)
    if min(len(train), len(held)) < MIN_IMAGES:
        raise BadValueError(
            f"{len(train):,} training and {len(held):,} {name} images are too few to tell; "
            f"{MIN_IMAGES} of each are needed, see data.validation"
        )
    alone = "" if name == "validation" else ", for there are no validation images"
    return train, held, f"{len(held):,} {name} images{alone}"


def one_line_diagnosis(run: Run) -> str:
    """One line at the end of a training, of what `vaelab doctor` says at length."""
    try:
        with any_code("the model cannot be measured"):
            return worst(examine(run))
    except UserError as error:
        return f"doctor: nothing can be said, for {error}"


def worst(examination: Examination) -> str:
    """One line: the worst finding, or that there is none."""
    findings = examination.findings
    says = f"vaelab doctor {examination.typed} says"
    if not findings:
        why = f"; {says} why" if examination.skipped else ""
        return f"doctor: {_nothing(examination)}{why}"
    others = len(findings) - 1
    more = f" (and {others} more finding{'s' * (others > 1)})" if others else ""
    return (
        f"doctor: {findings[0][1].summary}{more}, on {examination.images}; {says} how it shows and "
        "what to try"
    )


def _nothing(examination: Examination) -> str:
    """That nothing was found; what could not even be looked for first."""
    few, on = len(examination.skipped), f"on {examination.images}"
    if not few:
        return f"nothing found, {on}"
    total = len(DIAGNOSES)
    if few == total:
        return f"none of {total} checks could be made, {on}"
    return f"{few} of {total} checks could not be made, and the others found nothing, {on}"


SEVERITIES = {
    Severity.SERIOUS: "[bold red]serious[/bold red]",
    Severity.WARNING: "[bold yellow]warning[/bold yellow]",
    Severity.NOTE: "[bold cyan]note[/bold cyan]",
}


def report(examination: Examination) -> Group:
    """Findings with evidence, reason and remedy; then what is sound and what was not looked for."""
    return Group(*_parts(examination))


def _parts(examination: Examination) -> Iterator[RenderableType]:
    total = len(examination.findings)
    found = f"{total} finding{'s' * (total != 1)}, on {examination.images}"
    yield f"[bold]{escape(examination.run)}[/bold]: {found if total else _nothing(examination)}"
    path = Path(examination.run)
    numbered = (f"{path.resolve().name}-{number}" for number in count(2))
    names = (name for name in numbered if not may_be_there(path.with_name(name)))
    for diagnosis, finding in examination.findings:
        yield ""
        word, summary = SEVERITIES[finding.severity], escape(finding.summary)
        yield f"{word}  [bold]{diagnosis.name}[/bold]: {summary}"
        yield Padding(_details(diagnosis, finding), (0, 0, 0, 2))
        for remedy in finding.remedies:
            words = " ".join(map(typed, (f"task_name={next(names)}", *remedy.overrides)))
            yield f"  [dim]try[/dim]       {escape(remedy.effect)}:"
            # in one line whatever the width, so that it can be copied
            line = f"    vaelab train {examination.typed} {words}"
            yield Text(line, "green", no_wrap=True, overflow="ignore")
    if examination.sound:
        sound = ", ".join(diagnosis.name for diagnosis in examination.sound)
        yield ""
        yield f"[green]not found[/green]: {sound}"
    for reason in dict.fromkeys(reason for _, reason in examination.skipped):
        unsought = ", ".join(one.name for one, why in examination.skipped if why == reason)
        yield f"[dim]not looked for: {unsought} ({escape(reason)})[/dim]"


def _details(diagnosis: Diagnosis, finding: Finding) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("what", escape(diagnosis.what))
    for number, line in enumerate(finding.evidence):
        table.add_row("" if number else "evidence", escape(line))
    table.add_row("why", escape(diagnosis.why))
    table.add_row("", f"[dim]{escape(diagnosis.reference)}[/dim]")
    return table
