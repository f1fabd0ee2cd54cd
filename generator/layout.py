"""Where things are in the templates folder, and which of its files are templates."""

from collections.abc import Iterable
from pathlib import Path

# Where handlers of routes and processors of phases are written by hand.
ROUTES = Path("core/ossgard/routes")
PHASES = Path("core/ossgard/pipeline/phases")

# Templates that are rendered; every other one is copied as it stands.
TEMPLATE_SUFFIX = ".j2"
# The core belongs to no host. It is written into the Worker's folder, since wrangler bundles nothing else, and the
# local host mounts it from there.
_CORE = ("core/", "worker/src/")
# Where the spec's migrations are copied to.
MIGRATIONS = "worker/migrations"
# What shows the service on one page.
SERVICE_SHEET = "SERVICE.md"

# What lies beside the templates on a developer's disk but is not one.
IGNORED = frozenset({"__pycache__", "node_modules", "python_modules", ".wrangler", ".mypy_cache", ".ruff_cache"})


def template_names(templates: Path) -> Iterable[str]:
    """Every file of the templates folder, by its path in it, with `/`."""
    for path in templates.rglob("*"):
        relative = path.relative_to(templates)
        if path.is_file() and not IGNORED.intersection(relative.parts):
            yield relative.as_posix()


def target_of(template: str) -> str:
    """Where a file of the templates folder goes, relative to `generated/`."""
    folder, written = _CORE
    path = written + template.removeprefix(folder) if template.startswith(folder) else template
    return path.removesuffix(TEMPLATE_SUFFIX)


def sources(project: Path, templates: Path) -> dict[str, Path]:
    """What each file of `generated/` is copied or rendered from, by its path in there."""
    return {
        **{target_of(name): templates / name for name in template_names(templates)},
        **{f"{MIGRATIONS}/{path.name}": path for path in (project / "spec" / "migrations").glob("*.sql")},
    }
