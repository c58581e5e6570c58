"""Runs on the disk: their folders, finding, listing and drawing them, and using one on files."""
