"""ossgard-gen: turns the spec of ossgard into the code of its two hosts."""

from importlib.metadata import version

# Of the generator and of what it generates: they are released together. It stands in pyproject.toml alone.
__version__ = version("ossgard-gen")
