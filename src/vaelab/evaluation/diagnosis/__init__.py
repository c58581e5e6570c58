"""What is wrong with a trained run, if anything, and what to try."""
