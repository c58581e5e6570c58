"""The bundle: a network's weights and codes at some steps of its training, for the explorer."""

from vaelab.bundle.kept import kept_steps
from vaelab.bundle.reader import Bundle
from vaelab.bundle.writer import BundleWriter

__all__ = ["Bundle", "BundleWriter", "kept_steps"]
