"""What a deployment would break: the spec held against the one of a Git revision, which still runs or is still used."""

import io
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import apsw

from generator.checks.context import Context
from generator.diagnostics import Diagnostic, SpecError, did_you_mean
from generator.findings.compat import (
    COMPAT001,
    COMPAT002,
    COMPAT003,
    COMPAT004,
    COMPAT005,
    COMPAT006,
    COMPAT007,
    COMPAT008,
    COMPAT009,
    COMPAT010,
)
from generator.output.openapi import build_openapi
from generator.output.schema_changes import Misfit, Typed, misfits
from generator.spec.load import LoadedSpec, load_spec
from generator.spec.routes import RouteSpec
from generator.spec.source import Location
from generator.spec.spec import Spec
from generator.spec.sql import number, tokens, verb
from generator.spec.types import parse_type


class RevisionError(Exception):
    """The spec of a revision cannot be had; the text says why."""


def spec_at(project: Path, revision: str) -> Spec:
    """The spec of a project as it is at a Git revision.

    Raises:
        RevisionError: there is no such revision, it has no spec, or one that this version does not read.
    """
    command = ["git", "-C", str(project), "archive", "--format=tar", revision, "spec"]
    try:
        archive = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", b"").decode(errors="replace").strip() or str(error)
        raise RevisionError(f"the spec of '{revision}' cannot be had from Git: {said}") from error
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
        try:
            return load_spec(Path(folder) / "spec").spec
        except SpecError as error:
            text = f"the spec of '{revision}' is not of the form that this version reads; name a later revision:"
            raise RevisionError(f"{text}\n{error}") from error


@dataclass
class Comparison:
    """What of an old spec a new one breaks.

    Args:
        old: the spec of what runs.
        loaded: the checked spec of what is to be deployed.
    """

    old: Spec
    loaded: LoadedSpec
    found: list[tuple[str, Diagnostic]] = field(default_factory=list)

    @property
    def new(self) -> Spec:
        return self.loaded.spec

    def findings(self) -> list[Diagnostic]:
        """What breaks and is not accepted, and what is accepted and does not break."""
        self._statements()
        self._messages()
        self._enums()
        self._bindings()
        self._routes()
        self._migrations()
        accepted = self.new.bindings.accepted
        names = {name for name, _ in self.found}
        left = [finding for name, finding in self.found if name not in accepted]
        for name in accepted:
            if name not in names:
                message = f"nothing breaks that is called '{name}'"
                place: Location = ("accepted", name)
                hint = did_you_mean(name, names) or "remove it"
                left.append(self.loaded.diagnostic(COMPAT010, "bindings", place, message, hint, at_key=True))
        return left

    def _add(
        self, kind: type[Diagnostic], subject: str, file: str, place: Location, message: str, *, at_key: bool = True
    ) -> None:
        finding = self.loaded.diagnostic(kind, file, place, message, _hint(kind, subject), at_key=at_key)
        self.found.append((f"{kind.__name__} {subject}", finding))

    def _statements(self) -> None:
        """Old statements on the new tables, and columns that old INSERTs leave out."""
        schema = Context(self.loaded, Path()).schema
        before = Context(LoadedSpec(self.old, self.loaded.sources), Path()).schema
        if schema is None or before is None:
            return
        filled = {
            name: [
                column.name
                for column in table.columns.values()
                if column.not_null and column.default is None and not column.primary_key
                if name in before.tables and column.name not in before.tables[name].columns
            ]
            for name, table in schema.tables.items()
        }
        for name, method in self.old.database.methods.items():
            for sql in method.sql:
                try:
                    schema.connection.execute(f"EXPLAIN {sql}", dict.fromkeys(number(sql).order))
                except apsw.Error as error:
                    message = f"'{name}' of the version before fails on the new tables: {error}"
                    self._add(COMPAT001, name, "database", ("methods", name), message)
                    break
                named = {(token.identifier or "").lower() for token in tokens(sql)}
                lacking = [f"{table}.{column}" for table in named & filled.keys() for column in filled[table]]
                if verb(sql) in ("INSERT", "REPLACE") and lacking:
                    message = f"'{name}' of the version before leaves out {', '.join(lacking)}, which is never null"
                    self._add(COMPAT001, name, "database", ("methods", name), message)
                    break

    def _messages(self) -> None:
        old, new = self.old.jobs, self.new.jobs
        self._fields("the message", old.message.fields, new.message.fields, ("message", "fields"))
        phases = {phase.name: index for index, phase in enumerate(new.phases)}
        for phase in old.phases:
            if phase.name not in phases:
                message = f"messages of the phase '{phase.name}' are under way, and it is gone"
                self._add(COMPAT002, phase.name, "jobs", ("phases",), message)
                continue
            place = ("phases", phases[phase.name], "cursor")
            self._fields(f"{phase.name}.cursor", phase.cursor, new.phases[phases[phase.name]].cursor, place)

    def _fields(self, whose: str, old: Mapping[str, str], new: Mapping[str, str], place: Location) -> None:
        for name, text in old.items():
            subject = f"{whose}.{name}"
            if name not in new:
                self._add(
                    COMPAT002, subject, "jobs", place, f"what is under way has '{name}' in {whose}, and it is gone"
                )
            elif new[name] not in (text, f"{text.removesuffix('?')}?"):
                message = f"what is under way has {text} as '{name}' of {whose}, and {new[name]} is read"
                self._add(COMPAT002, subject, "jobs", (*place, name), message)
        for name, text in new.items():
            type_ = parse_type(text)
            # A cursor's scalars and lists have a value where they are left out.
            if name not in old and not type_.nullable and place[0] == "message":
                message = f"what is under way lacks '{name}' of {whose}, and it is never null"
                self._add(COMPAT002, f"{whose}.{name}", "jobs", (*place, name), message)

    def _enums(self) -> None:
        for name, enum in self.old.database.enums.items():
            known = self.new.database.enums.get(name)
            gone = [value for value in enum.values if known is None or value not in known.values]
            for value in gone:
                message = f"rows hold '{value}' of {name}, and it is gone"
                self._add(COMPAT003, f"{name}.{value}", "database", ("enums", name, "values"), message)

    def _bindings(self) -> None:
        old, new = self.old.bindings, self.new.bindings
        for what, place in (
            ("Worker", ("worker", "name")),
            ("database", ("database", "name")),
            ("queue", ("queue", "name")),
            ("queue", ("dead_letter", "name")),
            ("vector index", ("vectors", "code", "collection")),
            ("vector index", ("vectors", "intent", "collection")),
        ):
            before, after = (reduce(getattr, place, spec) for spec in (old, new))
            if before != after:
                message = f"the {what} '{before}' is '{after}' now, and what it holds stays behind"
                self._add(COMPAT004, str(before), "bindings", place, message, at_key=False)
        if old.vectors.dimensions != new.vectors.dimensions:
            message = (
                f"the vectors that are stored have {old.vectors.dimensions} dimensions, and no others fit beside them"
            )
            self._add(COMPAT005, "dimensions", "bindings", ("vectors", "dimensions"), message, at_key=False)

    def _routes(self) -> None:
        before, after = build_openapi(self.old), build_openapi(self.new)
        routes = {_address(route): index for index, route in enumerate(self.new.routes.routes)}
        for route in self.old.routes.routes:
            name = f"{route.method} {route.path}"
            index = routes.get(_address(route))
            if index is None:
                self._add(COMPAT006, name, "routes", ("routes",), f"{name} is gone")
                continue
            now, place = self.new.routes.routes[index], ("routes", index)
            if now.auth == "account" and route.auth == "none":
                self._add(COMPAT006, name, "routes", (*place, "auth"), f"{name} asks for an API key now", at_key=False)
            operations = [document["paths"] for document in (before, after)]
            old = operations[0][route.path][route.method.lower()]
            new = operations[1][now.path][now.method.lower()]
            self._answers(name, place, Typed(before, old, is_answer=True), Typed(after, new, is_answer=True))
            self._request(name, place, Typed(before, old), Typed(after, new))

    def _answers(self, name: str, place: Location, old: Typed, new: Typed) -> None:
        told = {status for status in old.schema["responses"] if status < "400"}
        for status in new.schema["responses"]:
            if status < "400" and status not in told:
                message = f"{name} can answer {status}, which nobody expects"
                self._add(COMPAT007, f"{name} {status}", "routes", (*place, "responses"), message)
        for status in sorted(told):
            before, after = old.schema["responses"][status], new.schema["responses"].get(status)
            if after is None:
                self._add(
                    COMPAT007, f"{name} {status}", "routes", (*place, "responses"), f"{name} answers no {status} more"
                )
                continue
            for misfit in _between(new.at(after), old.at(before), "answer"):
                message = f"{name}: {misfit.path} can be {misfit.given} now, and callers expect {misfit.expected}"
                self._add(COMPAT007, f"{name} {misfit.path}", "routes", (*place, "responses", int(status)), message)

    def _request(self, name: str, place: Location, old: Typed, new: Typed) -> None:
        pairs = list(zip(old.schema.get("parameters", []), new.schema.get("parameters", []), strict=False))
        found = [
            misfit
            for before, after in pairs
            for misfit in misfits(old.at(before["schema"]), new.at(after["schema"]), f"path.{before['name']}")
        ]
        body, wanted = old.schema.get("requestBody"), new.schema.get("requestBody")
        if wanted and wanted["required"] and not (body and body["required"]):
            found.append(Misfit("body", "left out", "there"))
        elif body and wanted:
            found += _between(old.at(body), new.at(wanted), "body")
        elif body:
            found.append(Misfit("body", "there", "passed over"))
        for misfit in found:
            message = (
                f"{name}: {misfit.path} may be {misfit.given} for callers of before, and has to be {misfit.expected}"
            )
            self._add(COMPAT008, f"{name} {misfit.path}", "routes", place, message)

    def _migrations(self) -> None:
        new = {migration.name: migration for migration in self.new.migrations}
        for migration in self.old.migrations:
            now = new.get(migration.name)
            if now is None or now.statements != migration.statements:
                what = "is gone" if now is None else "was edited"
                message = f"the migration {migration.name} {what}, and may have run"
                finding = (now or self.new.migrations[-1]).diagnostic(
                    COMPAT009, 0, message, _hint(COMPAT009, migration.name)
                )
                self.found.append((f"COMPAT009 {migration.name}", finding))


def _hint(kind: type[Diagnostic], subject: str) -> str:
    code = kind.__name__
    return (
        f"`ossgard-gen explain {code}` tells the way out; `accepted` of bindings.yaml takes it: '{code} {subject}': why"
    )


def _address(route: RouteSpec) -> str:
    """What a request is sent to; the names of parameters do not matter."""
    return f"{route.method} {re.sub(r'{[^}]*}', '{}', route.path)}"


def _between(given: Typed, expected: Typed, path: str) -> list[Misfit]:
    """The misfits of the JSON of two requests or responses."""
    schemas = [
        typed.at(typed.schema["content"]["application/json"]["schema"]) if "content" in typed.schema else None
        for typed in (given, expected)
    ]
    if schemas[0] is None or schemas[1] is None:
        return (
            [] if schemas[0] is schemas[1] else [Misfit(path, "nothing" if schemas[0] is None else "JSON", "the other")]
        )
    return list(misfits(schemas[0], schemas[1], path))
