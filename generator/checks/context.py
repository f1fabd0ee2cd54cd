"""What the checks share: the spec, the templates, the migrated schema, and the findings so far."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from generator.diagnostics import Diagnostic
from generator.spec.load import LoadedSpec, sql_location
from generator.spec.source import Location
from generator.spec.spec import Spec
from generator.trial.columns import column_types
from generator.trial.d1 import D1
from generator.trial.sandbox import Sandbox
from generator.trial.tables import Schema, migrate


@dataclass
class Context:
    """A run of all checks.

    A finding marks its place as broken, so that a later check can pass over what it cannot judge: one mistake gives one
    finding, and independent mistakes are found in the same run.
    """

    loaded: LoadedSpec
    templates: Path
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _broken: set[tuple[str, Location]] = field(default_factory=set)

    @property
    def spec(self) -> Spec:
        return self.loaded.spec

    @cached_property
    def d1(self) -> D1:
        """What D1 takes."""
        return D1(self.spec.bindings)

    @cached_property
    def schema(self) -> Schema | None:
        """The tables after all migrations; None when a migration fails, which is a finding."""
        loose = {
            (column.split(".")[0], column.split(".")[1]): key.table
            for column, key in self.spec.database.loose_keys.items()
            if key.table is not None
        }
        result = migrate(self.spec.migrations, loose, self.d1)
        if isinstance(result, Diagnostic):
            self.diagnostics.append(result)
            return None
        return result

    @cached_property
    def sandbox(self) -> Sandbox | None:
        """Where methods are tried out; None when a migration fails. Asked for only after the statements are checked."""
        if self.schema is None:
            return None
        database = self.spec.database
        broken = {name for name in database.methods if self.is_broken("database", "methods", name)}
        return Sandbox(self.schema, database, column_types(self.schema, database, broken))

    def add(
        self,
        kind: type[Diagnostic],
        file: str,
        location: Location,
        message: str,
        hint: str = "",
        *,
        at_key: bool = False,
        offset: int = -1,
    ) -> None:
        """Report a finding at a location of a YAML file, or `offset` characters into the text there.

        Offsets count in the text that was checked; where its column lists were spelled out, they are translated back.
        """
        source = self.loaded.sources[file]
        if offset >= 0:
            if location in self.loaded.expansions:
                offset = self.loaded.expansions[location].written(offset)
            self.diagnostics.append(source.diagnostic_in_text(kind, location, offset, message, hint))
        else:
            self.diagnostics.append(source.diagnostic(kind, location, message, hint, at_key=at_key))
        self.pass_over(file, *location)

    def add_to_migration(self, kind: type[Diagnostic], table: str, column: str, message: str, hint: str) -> None:
        """Report a finding at the place where the migrations make a column."""
        for migration in reversed(self.spec.migrations):
            offset = migration.find_column(table, column)
            if offset is not None:
                self.diagnostics.append(migration.diagnostic(kind, offset, message, hint))
                return
        self.diagnostics.append(self.spec.migrations[-1].diagnostic(kind, 0, message, hint))

    def pass_over(self, file: str, *location: str | int) -> None:
        """Mark a place as broken without a finding of its own, since another one tells why."""
        self._broken.update((file, location[:length]) for length in range(len(location) + 1))

    def is_broken(self, file: str, *location: str | int) -> bool:
        """Whether there is a finding at a location, or below it."""
        return (file, location) in self._broken

    def sql_location(self, method: str, statement: int) -> Location:
        """Where the text of a method's statement stands."""
        return sql_location(self.loaded.sources["database"], method, statement)
