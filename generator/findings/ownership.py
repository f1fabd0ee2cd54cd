"""Findings about whose rows a method reads and writes."""

from generator.diagnostics import Diagnostic


class OWN001(Diagnostic):
    """A statement of an account method does not mention `:account_id`.

    It reads or changes the same rows whoever calls.

        scope: account, sql: SELECT title FROM notes

    Compare the owner's account_id with :account_id, or make the scope internal.
    """


class OWN002(Diagnostic):
    """An account method names a table that does not lead to `accounts`.

    Without foreign keys nothing tells whose its rows are, and no check can.

        CREATE TABLE plans (name TEXT), read by a method of scope account

    Give the table a key that leads there, or say under `shared_tables` why accounts may share its rows.
    """


class OWN003(Diagnostic):
    """A column looks like a key, and refers to nothing.

    Nothing ties such a row to an account: this is where isolation gets lost.

        account_id INTEGER NOT NULL

    Write REFERENCES, or say under `loose_keys` why it has none.
    """


class OWN004(Diagnostic):
    """An entry of `shared_tables` or `loose_keys` does not hold.

    An exception that no longer has a reason hides the next mistake.

        shared_tables: {notes: The same for all.}    # and notes belong to accounts

    Correct or remove the entry.
    """


class OWN005(Diagnostic):
    """A foreign key refers to a table that is missing.

    Each INSERT would fail.

        note_id INTEGER REFERENCES note (id)

    Write the table's name.
    """


class OWN006(Diagnostic):
    """An account method shows or changes rows of another account.

    It was run on rows of two accounts, with the other's rows and without them, and the result was not the same.

        WHERE account_id = :account_id AND text LIKE :word OR text = :word

    Compare the owner with :account_id for every row: put the ORs in brackets, join up to the account.
    """


class OWN007(Diagnostic):
    """An account method cannot be checked.

    No row could be made for a table that it names, and a trial without rows finds nothing.

        CHECK (length(code) % 7 = 3)

    Write CHECKs with literals, so that values can be found.
    """
