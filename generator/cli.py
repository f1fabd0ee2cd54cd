"""The command line: `ossgard-gen generate`, `ossgard-gen check`, `ossgard-gen phase`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from generator.checks import check_spec
from generator.diagnostics import SpecError
from generator.load import load_spec
from generator.plan import plan
from generator.scaffold import ScaffoldError, add_phase
from generator.schema import schemas
from generator.write import Changes, NotOwnedError, compare, unified_diff, write

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="""Generate ossgard, one service on two hosts, from its spec.

The spec is spec/*.yaml and spec/migrations/*.sql; every section of it is explained by comments, and editors
complete it (VS Code, Neovim) by the JSON Schemas in spec/schema/. The output is generated/worker (the Cloudflare Worker
and the core that both hosts run) and generated/local (the Bun host).

A change: edit the spec, run `ossgard-gen generate`, review `git diff generated/`, commit both.

Exit codes: 0 done, 1 the spec is wrong or generated/ differs from it, 2 the command line is wrong.""",
)

Project = Annotated[
    Path,
    typer.Option(
        "--project",
        "-p",
        help="The folder that holds spec/ and generated/, and templates/ unless --templates names another.",
        exists=True,
        file_okay=False,
    ),
]
Templates = Annotated[
    Path | None, typer.Option("--templates", help="The templates folder.", exists=True, file_okay=False)
]


def _plan(project: Path, templates: Path | None) -> dict[str, bytes]:
    """The output, or an exit with every finding."""
    folder = templates or project / "templates"
    if not folder.is_dir():
        _fail(f"there is no {folder}: run it in the project's folder, or name that with --project")
    try:
        loaded = load_spec(project / "spec")
        check_spec(loaded, folder)
    except SpecError as error:
        count = len(error.diagnostics)
        _fail(f"{error}\n\n{count} {'error' if count == 1 else 'errors'}; nothing was written")
    return plan(loaded.spec, folder)


def _fail(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def _summary(changes: Changes, total: int) -> str:
    if not changes:
        return f"{total} files, all as the spec gives them"
    return f"{total} files: {len(changes.written)} written, {len(changes.removed)} removed"


@app.command()
def generate(project: Project = Path("."), templates: Templates = None) -> None:
    """Check the spec and write generated/: only what changed, each file whole, and no file that it does not own.

    When any check fails, all findings are printed as file:line:column and nothing is written.
    """
    output = _plan(project, templates)
    try:
        _write_schemas(project)
        changes = write(output, project / "generated")
    except (NotOwnedError, OSError) as error:
        _fail(f"cannot write: {error}")
        return
    for path in changes.written:
        typer.echo(f"wrote    generated/{path}")
    for path in changes.removed:
        typer.echo(f"removed  generated/{path}")
    typer.echo(_summary(changes, len(output)))


@app.command()
def check(project: Project = Path("."), templates: Templates = None) -> None:
    """Check the spec, and that generated/ is what it gives; otherwise print a unified diff and exit with 1."""
    output = _plan(project, templates)
    changes = compare(output, project / "generated")
    if changes:
        sys.stdout.writelines(unified_diff(output, project / "generated", changes))
        _fail(f"{_count(changes)} in generated/ differ from the spec; run `make generate` and commit the result")
    stale = compare(schemas(), project / "spec" / "schema").written
    if stale:
        _fail(f"spec/schema/ is out of date ({', '.join(stale)}); run `make generate` and commit the result")
    typer.echo(_summary(changes, len(output)))


@app.command()
def phase(
    name: Annotated[str, typer.Argument(help="The new phase: lower-case letters, digits and _.")],
    after: Annotated[str, typer.Option("--after", help="The phase that it follows.")],
    project: Project = Path("."),
    templates: Templates = None,
) -> None:
    """Add a phase: an entry in spec/jobs.yaml and a stub of its code, which passes scans on until you fill it in."""
    try:
        written = add_phase(project, templates or project / "templates", name, after)
    except (ScaffoldError, OSError) as error:
        _fail(str(error))
        return
    for path in written:
        typer.echo(f"wrote    {path}")
    typer.echo("Now describe it in the YAML, write its code, and run `make generate`.")


def _count(changes: Changes) -> str:
    count = len(changes.written) + len(changes.removed)
    return f"{count} {'file' if count == 1 else 'files'}"


def _write_schemas(project: Path) -> None:
    write(schemas(), project / "spec" / "schema")


def main() -> None:
    """The console script."""
    app()
