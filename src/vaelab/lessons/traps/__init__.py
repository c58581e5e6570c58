"""Classic mistakes, run beside what is right; what measures wrongly is kept in here."""
