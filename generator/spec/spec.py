"""The whole spec: its four files and the migrations."""

from functools import cached_property

from pydantic import BaseModel, ConfigDict

from generator.spec.base import SpecModel
from generator.spec.bindings import BindingsSpec
from generator.spec.database import DatabaseSpec, EnumSpec
from generator.spec.jobs import JobsSpec
from generator.spec.migrations import Migration
from generator.spec.routes import RoutesSpec


class Spec(BaseModel):
    """The whole spec."""

    model_config = ConfigDict(frozen=True)

    database: DatabaseSpec
    routes: RoutesSpec
    jobs: JobsSpec
    bindings: BindingsSpec
    migrations: list[Migration]

    @cached_property
    def enums(self) -> dict[str, EnumSpec]:
        return {**self.database.enums, **self.routes.enums}


SPEC_FILES: dict[str, type[SpecModel]] = {
    "database": DatabaseSpec,
    "routes": RoutesSpec,
    "jobs": JobsSpec,
    "bindings": BindingsSpec,
}
