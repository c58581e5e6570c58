"""A run's numbers: measured, compared, diagnosed, and how good its samples are."""
