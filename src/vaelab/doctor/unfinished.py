"""Whether a training was still getting better when it ended."""

from vaelab.doctor.base import Chart, Try


def longer(chart: Chart) -> list[Try]:
    """Twice the epochs, where the last one had the best validation ELBO."""
    valid = chart.elbos("valid")
    if len(valid) < 2 or max(valid, key=lambda epoch: valid[epoch]) < max(valid):
        return []
    epochs = f"training.epochs={2 * max(valid)}"
    return [Try((epochs,), "goes on, for the validation ELBO was still rising")]
