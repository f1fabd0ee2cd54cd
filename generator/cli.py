"""The command line: `ossgard-gen generate`, `ossgard-gen check`, `ossgard-gen phase`."""

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.layout import template_names
from generator.record import inputs_digest, is_current, remember

if TYPE_CHECKING:
    from generator.write import Changes

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


def _templates(project: Path, templates: Path | None) -> Path:
    folder = templates or project / "templates"
    if not folder.is_dir():
        _fail(f"there is no {folder}: run it in the project's folder, or name that with --project")
    return folder


def _plan(project: Path, templates: Path) -> dict[str, bytes]:
    """The output, or an exit with every finding."""
    # Loaded here, since a run that finds nothing to do needs none of it.
    from generator.checks import check_spec
    from generator.diagnostics import SpecError
    from generator.output.plan import plan
    from generator.spec.load import load_spec

    # A run builds large trees and ends: collecting garbage in between only costs time.
    gc.disable()
    try:
        loaded = load_spec(project / "spec")
        check_spec(loaded, templates)
    except SpecError as error:
        count = len(error.diagnostics)
        _fail(f"{error}\n\n{count} {'error' if count == 1 else 'errors'}; nothing was written")
    return plan(loaded.spec, templates)


def _fail(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def _summary(changes: "Changes", total: int) -> str:
    if not changes:
        return f"{total} files, all as the spec gives them"
    return f"{total} files: {len(changes.written)} written, {len(changes.removed)} removed"


@app.command()
def generate(project: Project = Path("."), templates: Templates = None) -> None:
    """Check the spec and write generated/: only what changed, each file whole, and no file that it does not own.

    When any check fails, all findings are printed as file:line:column and nothing is written.
    """
    folder = _templates(project, templates)
    record = project / "build" / "ossgard-gen.json"
    folders = {"generated": project / "generated", "schema": project / "spec" / "schema"}
    inputs = inputs_digest(project / "spec", folder, template_names(folder))
    current = is_current(record, inputs, folders)
    if current is not None:
        typer.echo(f"{current} files, all as the spec gives them")
        return

    from generator.schema import schemas
    from generator.write import NotOwnedError, write

    output = _plan(project, folder)
    try:
        write(schemas(), folders["schema"])
        changes = write(output, folders["generated"])
        remember(record, inputs, {"generated": output, "schema": schemas()})
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
    from generator.schema import schemas
    from generator.write import compare, unified_diff

    output = _plan(project, _templates(project, templates))
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
    from generator.scaffold import ScaffoldError, add_phase

    try:
        written = add_phase(project, templates or project / "templates", name, after)
    except (ScaffoldError, OSError) as error:
        _fail(str(error))
        return
    for path in written:
        typer.echo(f"wrote    {path}")
    typer.echo("Now describe it in the YAML, write its code, and run `make generate`.")


def _count(changes: "Changes") -> str:
    count = len(changes.written) + len(changes.removed)
    return f"{count} {'file' if count == 1 else 'files'}"


def main() -> None:
    """The console script."""
    app()
