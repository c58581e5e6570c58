"""The zoo as a page: every kind with its formula, its use, its source, its keys and a config."""

import re
from collections.abc import Iterator

from vaelab.kinds.describe import AXES, Entry, Key, kinds

HEAD = """\
# The zoo

Every kind of every axis, as the code describes itself: written by
`python -m vaelab.kinds > docs/zoo.md`. `vaelab kinds prior vamp` prints one entry.

A model is one choice on each axis, and a paper is a config. Each config below works as it stands,
shows the options at their defaults (leave out what you do not change) and can be put together with
others in one file; or give the same on the command line:
`vaelab train digits model.prior=vamp model.prior.components=50`. An option without a default has
to be given.
"""

ABSENT = """\
## What is not here

Adversarial objectives: FactorVAE ("Disentangling by factorising", Kim and Mnih, 2018,
[arXiv 1802.05983](https://arxiv.org/abs/1802.05983)), adversarial autoencoders ("Adversarial
autoencoders", Makhzani et al., 2016, [arXiv 1511.05644](https://arxiv.org/abs/1511.05644)) and
their like. Here an objective is a function of the log densities of one batch, and one optimiser
follows its gradient. A discriminator is a second network with an optimiser and a batch of its own,
trained against the first; it would be in every part that steps, saves, resumes and trains replicas,
for the sake of objectives whose value is no bound on anything. They stay out until they fit without
bending that core. What they are after is here by other means: `tcvae` weighs the same total
correlation as FactorVAE, estimated from the batch, and `info` holds the aggregate posterior to the
prior, as an adversarial autoencoder does, by a kernel.
"""

METRICS = """\
`vaelab evaluate RUN` leaves out those that say nothing of the run's model or data, and takes more
by `--metric KIND`. In Python a metric is called with a model and images as the model sees them:

```python
from pathlib import Path

from vaelab.data.loading.evaluation import EvalLoader
from vaelab.metrics import IWAEMetric
from vaelab.runs.run import Run

run = Run(Path("runs/digits"))
model, _ = run.load_model()
data = run.experiment.data
loader = EvalLoader(data.load().test, data.pixels, model.classes)
numbers = IWAEMetric(samples=1000)(model, loader)
```
"""

CODE = re.compile(r"(`[^`]*`)")
SPECIAL = re.compile(r"[*<\\$~]|(?<!\w)_|_(?!\w)|\](?=[(\[])")
IDENTIFIER = re.compile(r"\b(arXiv|doi) ([\w./]*\w)")
ADDRESS = {"arXiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}


def markdown() -> str:
    """The page."""
    known = kinds()
    axes = ", ".join(f"[{axis.name}](#{axis.name})" for axis in AXES)
    parts = [HEAD, f"The axes: {axes}; [what is not here](#what-is-not-here).\n"]
    for axis in AXES:
        chosen = [kind for kind in known if kind.axis is axis]
        parts.append(f"## {axis.name}\n\n{axis.about} Where: `{axis.place}`.\n")
        parts.append(_overview(chosen))
        parts += [METRICS] if axis.name == "metric" else []
        parts += ["\n".join(_entry(kind)) + "\n" for kind in chosen]
    return "\n".join([*parts, ABSENT])


def _overview(chosen: list[Entry]) -> str:
    lines = ["| kind | what it is | options |", "| --- | --- | --- |"]
    for kind in chosen:
        options = ", ".join(f"`{_option(key)}`" for key in kind.keys)
        link = f"[`{kind.name}`](#{kind.axis.name}-{kind.name})"
        lines.append(f"| {link} | {_cell(_prose(kind.about.sentence))} | {_cell(options)} |")
    return "\n".join(lines) + "\n"


def _option(key: Key) -> str:
    return f"{key.name}: {key.default}" if key.default else key.name


def _entry(kind: Entry) -> Iterator[str]:
    about = kind.about
    yield from (f"### {kind.axis.name} `{kind.name}`", "", _prose(about.sentence))
    if about.formula:
        yield from ("", "```text", about.formula, "```")
    if about.details:
        yield from ("", _prose(about.details))
    if about.advice:
        yield from ("", f"**When:** {_prose(about.advice)}")
    if about.references:
        yield from ("", f"**From:** {_linked(about.references)}.")
    if kind.keys:
        yield from ("", "| option | default | meaning |", "| --- | --- | --- |")
    for key in kind.keys:
        default = f"`{key.default}`" if key.default else ""
        yield f"| `{key.name}` | {_cell(default)} | {_cell(_prose(key.meaning))} |"
    yield from ("", "```yaml", kind.example.rstrip("\n"), "```")


def _prose(text: str) -> str:
    """Plain text as Markdown that looks the same: outside of code nothing is special."""
    parts = CODE.split(text)
    return "".join(
        part if CODE.fullmatch(part) else SPECIAL.sub(lambda found: "\\" + found.group(), part)
        for part in parts
    )


def _linked(reference: str) -> str:
    return IDENTIFIER.sub(
        lambda found: f"[{found.group()}]({ADDRESS[found[1]]}{found[2]})", _prose(reference)
    )


def _cell(text: str) -> str:
    """Of a table, where a bar ends a cell even inside code."""
    return text.replace("|", "\\|")
