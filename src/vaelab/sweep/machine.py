"""What a machine may lack, whatever the setting of a trial."""

from vaelab.experiment import Experiment
from vaelab.training.precision import choose_place


def check_machine(experiment: Experiment, trains: bool = True) -> None:
    """Refuse what no setting of a sweep could be trained with here.

    Args:
        experiment: of any trial.
        trains: whether it is to be trained on this machine, so that its device has to be here.

    Raises:
        UserError: the device, the data, or a logger's package or login is missing.
    """
    if trains:
        choose_place(experiment.training)
    for logger in experiment.training.loggers:
        logger.check()
    experiment.data.load()
