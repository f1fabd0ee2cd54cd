"""Findings about a deployment: what would break while the old version still runs, or for whoever uses it."""

from typing import ClassVar

from generator.diagnostics import Diagnostic, Severity


class COMPAT001(Diagnostic):
    """A statement of the version before does not work on the new tables.

    Migrations run first: until the new version has taken over, the old one meets tables that it does not know.

        ALTER TABLE scans DROP COLUMN phase_cursor, which the version before still selects

    Deploy a version first that does without it, and the migration with the next one.
    """


class COMPAT002(Diagnostic):
    """A message or cursor that is under way is not understood any more.

    Queues and tables hold what the version before has left there, for hours when a scan waits.

        phases: ingest is renamed to read

    Keep the old phase, field and type until nothing of them is left.
    """


class COMPAT003(Diagnostic):
    """A value of a stored enum is gone.

    Rows still hold it, and reading them fails.

        ScanStatus: values: [queued, done]    # failed is gone

    Rewrite the rows in a migration, and accept this with that reason.
    """


class COMPAT004(Diagnostic):
    """A Worker, queue, database or vector index has another name.

    What it holds stays behind under the old one: Durable Objects, messages, rows, vectors.

        queue: {name: ossgard-jobs}    # it was ossgard-pipeline

    Keep the name, or move what it holds.
    """


class COMPAT005(Diagnostic):
    """Vectors are of another size.

    An index cannot be changed, and old vectors cannot be compared with new ones.

        dimensions: 768    # it was 1536

    Make an index with another name, and fill it anew.
    """


class COMPAT006(Diagnostic):
    """A route is gone, or asks for an account.

    Whoever calls it gets an error.

        DELETE /repos/{owner}/{name} is removed

    Keep the route until nobody calls it.
    """


class COMPAT007(Diagnostic):
    """An answer lacks what callers read, or holds what they do not expect.

    Programs that read the old field or type fail.

        Repo: {openPrs: integer}    # it was prCount

    Add the new field beside the old one.
    """


class COMPAT008(Diagnostic):
    """A request that was accepted is refused, or a part of it is passed over.

    Callers that have not changed get an error, or not what they asked for.

        maxPrs: {type: integer, max: 100}    # max was 5000

    Keep accepting it, or give a new field a default.
    """


class COMPAT009(Diagnostic):
    """A migration that the revision has was changed or removed.

    Databases where it has run stay as they were, and differ from new ones.

        0004_batches.sql edited

    Restore it, and write a new migration.
    """


class COMPAT010(Diagnostic):
    """An entry of `accepted` names nothing that would break.

    It would accept the next break of this name without anybody's having thought of it.

        accepted: {COMPAT006 GET /old: Nobody calls it.}    # and the revision has no such route

    Remove the entry.
    """

    severity: ClassVar[Severity] = "warning"
