"""Findings about what is left over; they are warnings."""

from typing import ClassVar

from generator.diagnostics import Diagnostic, Severity


class USE001(Diagnostic):
    """Nothing uses a type.

    What is left over has to be read, understood and kept right by everybody who comes later.

        enums: {OldState: {values: [a, b]}}

    Remove it, or use it.
    """

    severity: ClassVar[Severity] = "warning"


class USE002(Diagnostic):
    """The spec does not name a module of handlers or processors.

    It was left behind when its route or phase was removed, and is deployed nevertheless.

        templates/core/ossgard/pipeline/phases/triage.py, and no phase 'triage'

    Remove the file, or move what others need of it elsewhere.
    """

    severity: ClassVar[Severity] = "warning"
