"""What `vaelab train` does before it imports PyTorch."""

import sys


def prepare() -> None:
    """Prepare this process as the command line prepares its own.

    Raises:
        RuntimeError: PyTorch is imported already, so that it would be too late.
    """
    if "torch" in sys.modules:
        raise RuntimeError("torch was imported before the process was prepared")
    from vaelab.malloc import prepare_process

    prepare_process()
