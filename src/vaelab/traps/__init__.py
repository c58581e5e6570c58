"""Classic mistakes, run beside what is right; what measures wrongly is kept in here."""

from vaelab.traps.running import Sprung, listed, spring
from vaelab.traps.trap import Side, Trap, trap_named, traps

__all__ = ["Side", "Sprung", "Trap", "listed", "spring", "trap_named", "traps"]
