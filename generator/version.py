"""The version of the generator and of what it generates: they are released together. It stands in pyproject.toml."""

from importlib.metadata import version

VERSION = version("ossgard-gen")
