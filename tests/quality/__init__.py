"""How well duplicates are found: `make quality` runs the real phases over labelled pull requests."""
