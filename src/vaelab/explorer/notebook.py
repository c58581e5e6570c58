"""Whether code runs in a notebook, and the widget that it shows there."""

import sys
from importlib.util import find_spec
from typing import Any

from vaelab.bundle import Bundle
from vaelab.explorer.widget import widget
from vaelab.runs.run import Run


def widget_of(run: Run) -> Any:
    """A run's page for the cell of a notebook; None where none is shown, or no page can compute it.

    Raises:
        UserError: the run has nothing to show yet, or the page has not been built.
    """
    if not _is_notebook() or find_spec("anywidget") is None:
        return None
    bundle = Bundle(run)
    return widget(bundle) if bundle.exported else None


def _is_notebook() -> bool:
    """Of Jupyter's kernels, which VS Code and Colab have too, or marimo's."""
    if (marimo := sys.modules.get("marimo")) is not None and marimo.running_in_notebook():
        return True
    ipython, kernel = sys.modules.get("IPython"), sys.modules.get("ipykernel.zmqshell")
    if ipython is None or kernel is None:
        return False
    return isinstance(ipython.get_ipython(), kernel.ZMQInteractiveShell)
