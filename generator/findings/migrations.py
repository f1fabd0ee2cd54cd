"""Findings about migrations."""

from generator.diagnostics import Diagnostic


class MIG001(Diagnostic):
    """There is no migration, or one is not named by its number.

    Hosts run migrations in the order of their numbers, each once.

        0003_more.sql behind 0001_initial.sql

    Name it `NNNN_what_it_does.sql`, without holes.
    """


class MIG002(Diagnostic):
    """The last statement of a migration does not end.

    It would not be run.

        CREATE TABLE notes (id INTEGER

    End it with `;`.
    """


class MIG003(Diagnostic):
    """A released migration was changed, removed or renumbered, or the lock cannot be read.

    It has run on databases, and runs on none of them again: they would differ from new ones.

        0001_initial.sql edited, although lock.json has its digest

    Restore it, and write a new migration.
    """


class MIG004(Diagnostic):
    """D1 refuses a statement of a migration.

    The hosts run each migration as one transaction, in a database of their own.

        BEGIN;

    Write it as the help says, or leave it out.
    """


class MIG005(Diagnostic):
    """SQLite refuses a migration.

    The migrations were run in order on an empty database.

        CREATE TABEL notes (id INTEGER);

    Correct it, if it is not deployed yet.
    """


class MIG006(Diagnostic):
    """A migration fails where its predecessors left rows.

    It passes on an empty database, and then no deployed host starts any more.

        ALTER TABLE notes ADD COLUMN size INTEGER NOT NULL;

    Write a constant DEFAULT, or fill the column with an UPDATE; `-- requires: empty` says that it is meant.
    """


class MIG007(Diagnostic):
    """A migration says that it requires empty tables, and runs over rows.

    Whoever trusts the comment would lose rows.

        -- requires: empty
        DROP TABLE notes;

    Let it refuse rows, by a CHECK on their count, or leave the declaration out.
    """


class MIG008(Diagnostic):
    """A migration drops, rewrites or locks what earlier ones have made, and does not say why.

    The version before still runs while it is deployed, and what is dropped does not come back.

        DELETE FROM scans WHERE status = 'failed';

    Say why it is right, in a comment above it: `-- reason: ...`.
    """
