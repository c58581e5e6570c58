"""Comparisons to open by one click: of runs in the folder, or of what is trained for them."""

from collections import defaultdict
from typing import Any

from vaelab.explorer.choices import ON_THE_CLASS, SMALL, experiment_of
from vaelab.explorer.library import Library
from vaelab.explorer.rows import settings_of

Traits = frozenset[tuple[str, str]]
"""Settings by which runs are told apart."""

BASE = "mnist_3000"
BETA_1 = {"objective.beta": 1}
UNIT, SIGNED = ({"data": one} for one, _ in SMALL)
EPOCHS = {"training.epochs": 40}

READY: list[dict[str, Any]] = [
    {"name": "beta", "title": "beta 0 | 1 | 100",
     "about": "What the price of the rate does. At 0 codes go where they like, and nothing lies "
              "between them; at 100 the code says nothing, and every place decodes to the mean.",
     "parts": [
         {"base": BASE, "set": {"objective.beta": beta}, "name": f"beta-{beta}", "seconds": 15}
         for beta in (0, 1, 100)
     ]},
    {"name": "scale", "title": "vae_kl | mnist",
     "about": "A likelihood whose scale is fixed too small, nearly an autoencoder whose codes run "
              "away from the prior, beside one that learns its scale.",
     "parts": [
         {"base": "vae_kl", "set": SIGNED | EPOCHS, "name": "vae_kl", "seconds": 30},
         {"base": "mnist", "set": UNIT | EPOCHS, "name": "mnist", "seconds": 15},
     ]},
    {"name": "prior", "title": "normal | VampPrior",
     "about": "The prior N(0, I), which the codes have to fill, beside one that is learned: it "
              "lies where the codes are, and what is drawn from it is decoded better.",
     "parts": [
         {"base": BASE, "set": BETA_1, "name": "beta-1", "seconds": 15},
         {"base": BASE, "set": BETA_1 | {"model.prior": "vamp"}, "name": "vamp", "seconds": 20},
     ]},
    {"name": "class", "title": "unconditional | conditional",
     "about": "Where both networks are told the class the code need not hold it: the classes lie "
              "on top of each other, and a place is a style of writing.",
     "parts": [
         {"base": BASE, "set": BETA_1, "name": "beta-1", "seconds": 15},
         {"base": BASE, "set": BETA_1 | {"model.condition": ON_THE_CLASS}, "name": "conditional",
          "seconds": 15},
     ]},
]  # fmt: skip
"""`seconds` is how long such a training takes about, on one core of 2.5 GHz."""


def ready(library: Library) -> list[dict[str, Any]]:
    """The comparisons, each part with the run that is shown as it; None where one is wanted.

    A run is of a part's kind if it is trained to its end and had that model and objective all the
    while: one whose beta was changed is of no kind. All runs of a comparison have the same data but
    for the range of the pixels: the small ones, unless there are all of other data.
    """
    found: dict[Traits, dict[Traits, str]] = defaultdict(dict)
    for name, settings in library.finished():
        if "beta" in settings["training.changes"]:
            continue
        found[_data(settings)].setdefault(_kind(settings), name)
    rows = []
    for row in READY:
        wanted = [
            settings_of(experiment_of(part["base"], part["set"], library.folder, part["name"]))
            for part in row["parts"]
        ]
        small = found[_data(wanted[0])]
        kinds = [_kind(settings) for settings in wanted]
        whole = [names for names in (small, *found.values()) if names.keys() >= set(kinds)]
        names = whole[0] if whole else small
        parts = [
            part | {"run": names.get(kind)} for part, kind in zip(row["parts"], kinds, strict=True)
        ]
        rows.append(row | {"parts": parts})
    return rows


def _kind(settings: dict[str, str]) -> Traits:
    sections = ("model", "objective")
    return frozenset(one for one in settings.items() if one[0].partition(".")[0] in sections)


def _data(settings: dict[str, str]) -> Traits:
    other = ("data.pixels", "data.validation")
    data = (one for one in settings.items() if one[0].partition(".")[0] == "data")
    return frozenset(one for one in data if not one[0].startswith(other))
