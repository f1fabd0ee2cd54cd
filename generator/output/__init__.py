"""Computes what is written: the spec's objects as Python and TypeScript, and the templates around them."""
