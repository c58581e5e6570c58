"""The page in a cell of a notebook, with everything inside: it needs no server and no kernel."""

import sys
from importlib.util import find_spec
from typing import Any

from vaelab.bundle import Bundle
from vaelab.explorer.export import single_file
from vaelab.runs.run import Run

FRAME = """
export default {
  render({ model, el }) {
    const frame = document.createElement('iframe')
    frame.title = 'vaelab explorer'
    frame.setAttribute('sandbox', 'allow-scripts allow-downloads')
    frame.style.cssText = `display: block; width: 100%; height: ${model.get('height')}px; border: 0`
    const show = () => frame.contentWindow?.postMessage({ vaelab: { z: model.get('z') } }, '*')
    const hear = ({ source, data }) => {
      if (source !== frame.contentWindow || !data?.vaelab) return
      for (const name of ['z', 'step', 'image', 'selected']) model.set(name, data.vaelab[name])
      model.save_changes()
    }
    addEventListener('message', hear)
    model.on('change:z', show)
    frame.onload = show
    frame.srcdoc = model.get('page')
    el.append(frame)
    return () => {
      removeEventListener('message', hear)
      model.off('change:z', show)
    }
  },
}
"""
"""The page in a frame of its own, which can reach nothing of the notebook but by these messages."""


def widget(bundle: Bundle) -> Any:
    """A bundle's page as an anywidget."""
    import anywidget  # of an extra
    import traitlets

    class ExplorerWidget(anywidget.AnyWidget):  # type: ignore[misc]
        """A run's page in a notebook, whose saved widget state goes on decoding.

        Attributes:
            page: the page, as `vaelab export site --single-file` writes it.
            height: of it, in CSS pixels.
            z: the selected code, `d` numbers; what is put here is shown.
            step: the training step that is shown.
            image: the index in the split of the image that is looked at; None: a drawing.
            selected: indices in the split of the images that lasso or rectangle have selected.
        """

        _esm = FRAME
        page = traitlets.Unicode().tag(sync=True)
        height = traitlets.Int(720).tag(sync=True)
        z = traitlets.List(traitlets.Float()).tag(sync=True)
        step = traitlets.Int(None, allow_none=True).tag(sync=True)
        image = traitlets.Int(None, allow_none=True).tag(sync=True)
        selected = traitlets.List(traitlets.Int()).tag(sync=True)

        def __repr__(self) -> str:
            """Without the page."""
            return f"ExplorerWidget({len(self.page) / 1e6:.1f} MB, step={self.step}, z={self.z})"

    return ExplorerWidget(page=single_file(bundle))


def widget_of(run: Run) -> Any:
    """A run's page for a notebook's cell; None where none is shown, or no page can compute it."""
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
