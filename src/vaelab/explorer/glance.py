"""A run at a glance: where the codes of some test images lie, for a picture the size of a stamp."""

from typing import Any

import numpy as np

from vaelab.bundle import Bundle
from vaelab.data.store import evenly_spaced
from vaelab.runs.run import Run

POINTS = 200
"""Of a picture, at most."""


def glance(run: Run) -> dict[str, Any]:
    """Means of q(z|x) at the best kept step, in the two dimensions in which they vary most.

    Returns:
        `points`: x, y and label of some images; none where the run has no bundle yet, which is not
        made for this.
    """
    if not (run.bundle / "manifest.json").is_file():
        return {"points": []}
    bundle = Bundle(run)
    steps = bundle.steps()
    step = next((one for one in steps if one.get("best")), steps[-1])
    labels = np.frombuffer(bundle.read("labels.u8"), np.uint8)
    codes = np.frombuffer(bundle.read(f"codes/{step['index']:04}.i16"), "<i2")
    loc = codes.reshape(len(labels), 2, -1)[:, 0].astype(float) * step["loc_unit"]
    some = evenly_spaced(len(loc), min(POINTS, len(loc)))
    first, *others = np.sort(np.argsort(-loc.var(0), kind="stable")[:2])
    y = loc[some, others[0]] if others else np.zeros(len(some))
    places = np.round(np.stack([loc[some, first], y], 1), 3)
    return {
        "points": [
            [*place, int(label)] for place, label in zip(places.tolist(), labels[some], strict=True)
        ]
    }
