"""Where things are in the templates folder, and which of its files are templates."""

from collections.abc import Iterable
from pathlib import Path

# Where handlers of routes and processors of phases are written by hand.
ROUTES = Path("core/ossgard/routes")
PHASES = Path("core/ossgard/pipeline/phases")

# What lies beside the templates on a developer's disk but is not one.
IGNORED = frozenset({"__pycache__", "node_modules", "python_modules", ".wrangler", ".mypy_cache", ".ruff_cache"})


def template_names(templates: Path) -> Iterable[str]:
    """Every file of the templates folder, by its path in it, with `/`."""
    for path in templates.rglob("*"):
        relative = path.relative_to(templates)
        if path.is_file() and not IGNORED.intersection(relative.parts):
            yield relative.as_posix()
