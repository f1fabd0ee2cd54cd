"""A small project to generate from, and its output."""

from pathlib import Path

from typer.testing import CliRunner, Result

from generator.cli import app
from tests.generator.spec_folder import TEMPLATES, SpecFolder

COPIES = ("core/ossgard/routes/health.py", "core/ossgard/pipeline/phases/scan.py")
RENDERED = ("local/src/spec/types.ts.j2", "core/ossgard/spec/entities.py.j2", "core/ossgard/spec/database.py.j2")


def command(*arguments: str) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, arguments)


def make_project(spec: SpecFolder) -> Path:
    """The folder of a project with the small spec and a few templates of its own."""
    spec.write()
    templates = spec.project / "templates"
    for name in (*COPIES, *RENDERED):
        (templates / name).parent.mkdir(parents=True, exist_ok=True)
        (templates / name).write_bytes((TEMPLATES / name).read_bytes())
    return spec.project


def edit(path: Path, content: str | bytes) -> None:
    """Change a file by hand, as an editor does that was told to write to a read-only file."""
    path.chmod(0o644)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
