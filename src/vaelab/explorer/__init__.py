"""The explorer: a local server for the page, training that the page steers, and exported pages."""
