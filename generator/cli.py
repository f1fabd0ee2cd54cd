"""The command line: `ossgard-gen generate`, `check`, `compat`, `show`, `explain`, `adopt`, `phase` and `lock`."""

import gc
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.layout import sources, template_names
from generator.record import Record, inputs_digest, is_current, read_record, remember, remember_start
from generator.report import Format, render

if TYPE_CHECKING:
    from generator.diagnostics import Diagnostic
    from generator.spec.load import LoadedSpec
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
Form = Annotated[
    Format, typer.Option("--format", help="How findings are shown; json and github go to the standard output.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Let warnings stop, too.")]
# How often --watch looks for changes, in seconds.
_LOOK = 0.3


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


@dataclass
class _Reporter:
    """Shows findings, and ends the run when it has to; warnings wait until the run knows all of them."""

    project: Path
    form: Format = Format.TEXT
    strict: bool = False
    warnings: "list[Diagnostic]" = field(default_factory=list)

    def show(self, findings: "Iterable[Diagnostic]" = (), ending: str = "") -> None:
        """Show the warnings and these findings; exit when one is an error, or when warnings stop, too."""
        found = [*self.warnings, *findings]
        errors = sum(finding.severity == "error" for finding in found)
        if found or self.form is Format.JSON:
            typer.echo(render(found, self.form, self.project), err=self.form is Format.TEXT)
        if not errors and not (found and self.strict):
            return
        warnings = len(found) - errors
        counts = [_count(errors, "error")] * (errors > 0) + [_count(warnings, "warning")] * (warnings > 0)
        _fail(f"\n{' and '.join(counts)}{ending}")


def _load(reporter: _Reporter, templates: Path, *, trials: bool = True) -> "LoadedSpec":
    """The checked spec, or an exit with every finding."""
    # Loaded here, since a run that finds nothing to do needs none of it.
    from generator.checks import check_spec
    from generator.diagnostics import SpecError
    from generator.spec.load import load_spec

    # A run builds large trees and ends: collecting garbage in between only costs time.
    gc.disable()
    try:
        loaded = load_spec(reporter.project / "spec")
        reporter.warnings += check_spec(loaded, templates, trials=trials)
    except SpecError as error:
        reporter.show(error.diagnostics, "; nothing was written")
        raise
    return loaded


def _plan(reporter: _Reporter, templates: Path) -> dict[str, bytes]:
    """The output, or an exit with every finding."""
    from generator.diagnostics import SpecError
    from generator.output.plan import plan

    loaded = _load(reporter, templates)
    try:
        return plan(loaded.spec, templates)
    except SpecError as error:
        reporter.show(error.diagnostics, "; nothing was written")
        raise


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
    return {
        "generated": project / "generated",
        "schema": project / "spec" / "schema",
        "docs": project / "docs",
    }


@app.command()
def generate(
    project: Project = Path("."),
    templates: Templates = None,
    discard: Annotated[bool, typer.Option("--discard", help="Drop what was edited by hand in generated/.")] = False,
) -> None:
    """Check the spec and write generated/: only what changed, each file whole, and no file that it does not own.

    When any check fails, all findings are printed as file:line:column with their codes, and nothing is written. Neither
    is it when files in generated/ were edited by hand, unless those edits are to be dropped.
    """
    folder = _templates(project, templates)
    folders, record = _folders(project), read_record(_record(project))
    inputs = inputs_digest(project / "spec", folder, template_names(folder))
    if is_current(record, inputs, folders):
        typer.echo(f"{len(record.written('generated'))} files, all as the spec gives them")
        return

    from generator.write import NotOwnedError, write

    reporter = _Reporter(project)
    outputs = _outputs(reporter, folder)
    reporter.show()
    if not discard:
        _refuse_to_overwrite(outputs, folders, record)
    try:
        remember_start(_record(project), record, outputs)
        for name in ("schema", "docs"):
            write(outputs[name], folders[name])
        changes = write(outputs["generated"], folders["generated"])
        remember(_record(project), inputs, outputs)
    except (NotOwnedError, OSError) as error:
        _fail(f"cannot write: {error}")
        return
    for path in changes.written:
        typer.echo(f"wrote    generated/{path}")
    for path in changes.removed:
        typer.echo(f"removed  generated/{path}")
    typer.echo(_summary(changes, len(outputs["generated"])))


def _outputs(reporter: _Reporter, templates: Path) -> dict[str, dict[str, bytes]]:
    """All that is written, by the folder's name in the record, or an exit with every finding."""
    from generator.findings import reference
    from generator.schema import schemas

    return {
        "generated": _plan(reporter, templates),
        "schema": schemas(),
        "docs": {"checks.md": reference().encode()},
    }


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
    output, generated = _plan(_Reporter(project), folder), project / "generated"
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
def check(
    project: Project = Path("."),
    templates: Templates = None,
    spec_only: Annotated[
        bool,
        typer.Option(
            "--spec-only",
            help="Check what can be told without running methods and rendering, in under a second: for editors.",
        ),
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Check again after each change, until Ctrl-C.")] = False,
    form: Form = Format.TEXT,
    strict: Strict = False,
) -> None:
    """Check the spec, and that generated/ is what it gives; otherwise print a unified diff and exit with 1."""
    folder = _templates(project, templates)
    if watch:
        _watch(project, folder)
        return
    reporter = _Reporter(project, form, strict)
    if spec_only:
        _load(reporter, folder, trials=False)
        reporter.show()
        if form is Format.TEXT:
            typer.echo("nothing was found; `check` without --spec-only also runs every method, and compares generated/")
        return
    _compare(reporter, _outputs(reporter, folder))


def _compare(reporter: _Reporter, outputs: Mapping[str, Mapping[str, bytes]]) -> None:
    """Exit when what stands on disk is not what would be written."""
    from generator.diagnostics import Position
    from generator.findings.spec import OUT001
    from generator.write import compare, unified_diff

    differing: list[Diagnostic] = []
    for name, folder in _folders(reporter.project).items():
        changes = compare(outputs[name], folder)
        for path in [*changes.written, *changes.removed]:
            place = Position((folder / path).relative_to(reporter.project).as_posix(), 1, 1)
            differing.append(
                OUT001(place, "it is not what the spec gives", "run `make generate`, and commit the result")
            )
        if reporter.form is Format.TEXT:
            sys.stdout.writelines(unified_diff(outputs[name], folder, changes))
    reporter.show(differing)
    if reporter.form is Format.TEXT:
        typer.echo(f"{len(outputs['generated'])} files, all as the spec gives them")


def _watch(project: Path, templates: Path) -> None:
    """Run the command line without --watch after each change of spec, templates or generator, each time afresh."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--watch"]
    seen = ""
    while True:
        now = inputs_digest(project / "spec", templates, template_names(templates))
        if now != seen:
            seen = now
            subprocess.run([sys.executable, "-c", "from generator.cli import main; main()", *arguments], check=False)
            typer.echo(f"-- {time.strftime('%H:%M:%S')}, waiting for a change", err=True)
        time.sleep(_LOOK)


@app.command()
def show(project: Project = Path("."), templates: Templates = None) -> None:
    """Print generated/SERVICE.md as the spec gives it: the phases, tables, routes and bindings on one page."""
    from generator.output.plan import service_sheet

    folder = _templates(project, templates)
    typer.echo(service_sheet(_load(_Reporter(project), folder, trials=False).spec, folder), nl=False)


@app.command()
def compat(
    against: Annotated[str, typer.Option("--against", help="The Git revision that runs: a commit, a tag, a branch.")],
    project: Project = Path("."),
    templates: Templates = None,
    form: Form = Format.TEXT,
    strict: Strict = False,
) -> None:
    """Say what a deployment would break: for the version of a revision while it still runs, or for whoever uses it.

    Old statements on the new tables, messages under way, stored values, routes and their answers. What is meant is
    accepted with a reason, under `accepted` in spec/bindings.yaml.
    """
    from generator.compat import Comparison, RevisionError, spec_at

    reporter = _Reporter(project, form, strict)
    loaded = _load(reporter, _templates(project, templates), trials=False)
    try:
        old = spec_at(project, against)
    except RevisionError as error:
        _fail(str(error))
        return
    reporter.show(Comparison(old, loaded).findings(), f" against {against}")
    if form is Format.TEXT:
        typer.echo(f"nothing that {against} has would break")


@app.command()
def explain(
    code: Annotated[str, typer.Argument(help="The code of a finding, like SQL003; `all`: every code in a line.")],
) -> None:
    """Say what a finding means, why it matters, with an example and the way out."""
    from generator.diagnostics import did_you_mean, explanation
    from generator.findings import KINDS, explain

    if code == "all":
        for name, kind in KINDS.items():
            typer.echo(f"{name:10} {explanation(kind).what}")
        return
    if code.upper() not in KINDS:
        _fail(f"there is no finding '{code}': {did_you_mean(code.upper(), KINDS)}")
    typer.echo(explain(KINDS[code.upper()]), nl=False)


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


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def main() -> None:
    """The console script."""
    app()
