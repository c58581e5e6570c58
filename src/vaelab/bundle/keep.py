"""Which steps of a training are kept."""

POWER = 3.0
"""How much denser the first steps are than the last."""


def kept_steps(total: int, keep: int) -> frozenset[int]:
    """At most `keep` steps from 0 to `total`, both among them, the first close together.

    Step i of n is total (i / (n - 1))^3: half of them lie in the first eighth of the training,
    where the latent space takes its form.
    """
    if keep < 2:
        return frozenset({total}) if keep else frozenset()
    last = keep - 1
    return frozenset(round(total * (i / last) ** POWER) for i in range(keep))
