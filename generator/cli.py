"""The command line: `ossgard-gen generate`, `check`, `adopt`, `phase` and `lock`."""

import gc
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.layout import sources, template_names
from generator.record import Record, inputs_digest, is_current, read_record, remember, remember_start

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

A change: edit the spec or a template, run `ossgard-gen generate`, review `git diff generated/`, commit both.
What was edited in generated/ itself is never overwritten: `ossgard-gen adopt` carries it back to templates/.

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


def _show_version(wanted: bool) -> None:
    if wanted:
        from generator.version import VERSION

        typer.echo(VERSION)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """What every command takes."""


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


def _record(project: Path) -> Path:
    return project / "build" / "ossgard-gen.json"


def _folders(project: Path) -> dict[str, Path]:
    """Where everything is written, by the name that it has in the record."""
    return {"generated": project / "generated", "schema": project / "spec" / "schema"}


@app.command()
def generate(
    project: Project = Path("."),
    templates: Templates = None,
    discard: Annotated[bool, typer.Option("--discard", help="Drop what was edited by hand in generated/.")] = False,
) -> None:
    """Check the spec and write generated/: only what changed, each file whole, and no file that it does not own.

    When any check fails, all findings are printed as file:line:column and nothing is written. Neither is it when files
    in generated/ were edited by hand, unless those edits are to be dropped.
    """
    folder = _templates(project, templates)
    folders, record = _folders(project), read_record(_record(project))
    inputs = inputs_digest(project / "spec", folder, template_names(folder))
    if is_current(record, inputs, folders):
        typer.echo(f"{len(record.written('generated'))} files, all as the spec gives them")
        return

    from generator.schema import schemas
    from generator.write import NotOwnedError, write

    output = _plan(project, folder)
    outputs = {"schema": schemas(), "generated": output}
    if not discard:
        _refuse_to_overwrite(outputs, folders, record)
    try:
        remember_start(_record(project), record, outputs)
        write(outputs["schema"], folders["schema"])
        changes = write(output, folders["generated"])
        remember(_record(project), inputs, outputs)
    except (NotOwnedError, OSError) as error:
        _fail(f"cannot write: {error}")
        return
    for path in changes.written:
        typer.echo(f"wrote    generated/{path}")
    for path in changes.removed:
        typer.echo(f"removed  generated/{path}")
    typer.echo(_summary(changes, len(output)))


def _refuse_to_overwrite(
    outputs: Mapping[str, Mapping[str, bytes]], folders: Mapping[str, Path], record: Record
) -> None:
    """Exit when files that would be written were edited by hand."""
    from generator.edits import hand_edits

    edited = [
        folders[name] / path
        for name, output in outputs.items()
        for path in hand_edits(output, folders[name], record.written(name))
    ]
    if edited:
        listed = "\n".join(f"    {path}" for path in edited)
        _fail(
            f"these files were edited by hand, where the change does not last:\n{listed}\n"
            "nothing was written. `make adopt` carries the edits back to templates/; `make discard` drops them"
        )


@app.command()
def adopt(project: Project = Path("."), templates: Templates = None) -> None:
    """Carry what was edited by hand in generated/ back to the templates, of which most files there are copies.

    What is rendered from a template and the spec is not carried back: you are told where to make the change.
    """
    from generator.edits import adopt, hand_edits

    folder = _templates(project, templates)
    output, generated = _plan(project, folder), project / "generated"
    written = read_record(_record(project)).written("generated")
    edits = hand_edits(output, generated, written)
    adopted, refused = adopt(edits, sources(project, folder), output, written)
    for path in adopted:
        typer.echo(f"wrote    {path}")
    if refused:
        listed = "\n".join(f"    {generated / path}: {reason}" for path, reason in refused.items())
        _fail(f"not carried back:\n{listed}\nwhen nothing of it is missing any more, `make discard` drops it")
    typer.echo("Now run `make generate`." if adopted else "nothing in generated/ was edited by hand")


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


@app.command()
def lock(
    through: Annotated[str, typer.Argument(help="The last migration that is released: its number, or its file.")],
    project: Project = Path("."),
) -> None:
    """Lock released migrations by their digests, in spec/migrations/lock.json: what changes one is refused then.

    Lock a migration when it is deployed; until then it can be corrected.
    """
    from generator.spec.lock import LockError, lock

    try:
        added = lock(project / "spec" / "migrations", through)
    except (LockError, OSError) as error:
        _fail(str(error))
        return
    for name in added:
        typer.echo(f"locked   spec/migrations/{name}")
    if not added:
        typer.echo("locked already")


def _count(changes: "Changes") -> str:
    count = len(changes.written) + len(changes.removed)
    return f"{count} {'file' if count == 1 else 'files'}"


def main() -> None:
    """The console script."""
    app()
