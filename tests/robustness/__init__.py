"""Trials with a fixed seed that try to lose, break or misuse what vaelab writes and reads."""
