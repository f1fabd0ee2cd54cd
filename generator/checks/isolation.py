"""Tenant isolation, by running it: an account's method neither shows nor changes anything of another account.

Every `account` method is called as one account with its own values and with those of the other, once with the other's
rows in the database and once without them. A call that does not give the same both times, or after which the other's
rows are not as they were, leaks. Then the accounts change places, since what is newest or largest is always the same
one's; then an account without any rows calls; and all of it is done on rows with other numbers, and with conditions
that say nothing about accounts answered at will.
"""

from dataclasses import replace

from generator.checks.context import Context
from generator.findings.ownership import OWN002, OWN006, OWN007
from generator.spec.database import MethodSpec
from generator.spec.sql import tokens, verb
from generator.spec.types import SCALARS
from generator.trial.sandbox import MAX_CALLS, MAX_LOOSE_CALLS, Answers, Outcome, Run, Sandbox
from generator.trial.seed import ROOT
from generator.trial.tables import Schema


def check(context: Context) -> None:
    """Run every account method."""
    methods = {name: method for name, method in context.spec.database.methods.items() if method.scope == "account"}
    ready = {name: method for name, method in methods.items() if not context.is_broken("database", "methods", name)}
    if not ready or context.schema is None:
        return
    if ROOT not in context.schema.tables or context.schema.tables[ROOT].row_id is None:
        name = next(iter(ready))
        message = f"account methods need a table '{ROOT}' with an INTEGER PRIMARY KEY"
        context.add(
            OWN002,
            "database",
            ("methods", name, "scope"),
            message,
            "create it in a migration, or make the scope internal",
        )
        return
    box = context.sandbox
    assert box is not None
    for name, method in ready.items():
        _check_seeds(context, box, name, method)
        finding = None if context.is_broken("database", "methods", name) else find_leak(box, name, method)
        if finding:
            hint = _way_out(box.schema, method)
            context.add(OWN006, "database", context.sql_location(name, 0), finding, hint)


def _check_seeds(context: Context, box: Sandbox, name: str, method: MethodSpec) -> None:
    """A table that no row could be made for cannot be checked, which must not look like success."""
    for table in _tables(box.schema, method):
        if table in box.problems and table in box.roles[0].theirs:
            message = f"'{name}' cannot be checked: no row of '{table}' could be made ({box.problems[table]})"
            hint = "write its CHECKs with literals, like status IN ('open', 'closed'), so that the check finds values"
            context.add(OWN007, "database", ("methods", name), message, hint, at_key=True)
            return


def find_leak(box: Sandbox, name: str, method: MethodSpec) -> str:
    """What a method shows or changes of another account, in words; empty when it does not."""
    differs = ""
    loose, answers = box.loosened(method)
    inserts = box.schema.triggers or any(verb(sql) in ("INSERT", "REPLACE") for sql in method.sql)
    trials = [
        *((role, method, Answers(), MAX_CALLS) for role in box.roles),
        *((role, loose, answer, MAX_LOOSE_CALLS) for role in box.loose_roles for answer in answers),
    ]
    for role, tried, answer, limit in trials:
        # Where new rows get other ids without the others' rows, the results of the two runs cannot be compared.
        comparable = not inserts or role.numbered_alike.issuperset(box.affected(method))
        box.answers = answer if answer.constant is None else replace(answer, constant=role.stranger_id)
        for values in box.calls(tried, role, limit=limit):
            both = box.run(role, tried, values, alone=False, deferred=True)
            if both.outcome.exhausted:
                # That a statement does not end as it stands is found in `samples`.
                continue
            if both.changed:
                return f"'{name}' changes rows of another account: {', '.join(both.changed)}"
            if comparable and not both.outcome.refused and not differs:
                alone = box.run(role, tried, values, alone=True, deferred=True)
                differs = _difference(name, method, both.outcome, alone.outcome) or _copied(name, both, alone)
    return differs


def _difference(name: str, method: MethodSpec, both: Outcome, alone: Outcome) -> str:
    if alone.exhausted:
        return ""
    if both.error is not None or alone.error is not None:
        return (
            "" if str(both.error) == str(alone.error) else f"'{name}' depends on rows of another account: {both.error}"
        )
    wanted = method.result_type
    if both.rows != alone.rows:
        is_value = wanted is not None and wanted.name in SCALARS and not wanted.is_list
        if is_value and len(both.rows) == len(alone.rows):
            return f"'{name}' counts or reads rows of another account"
        if set(both.rows) - set(alone.rows):
            return f"'{name}' returns rows of another account"
        return f"the result of '{name}' depends on rows of another account"
    if both.changes != alone.changes:
        return f"'{name}' counts rows of another account"
    return ""


def _copied(name: str, both: Run, alone: Run) -> str:
    """What a write takes over from the other's rows into the caller's, or into tables that belong to nobody."""
    tables = [table for table in both.rest if both.rest[table] != alone.rest.get(table, both.rest[table])]
    tables += [table for table in both.rest if table not in alone.rest]
    return f"'{name}' writes data of another account to: {', '.join(tables)}" if tables else ""


def _way_out(schema: Schema, method: MethodSpec) -> str:
    """How to reach the account from the first table that the method names."""
    for table in _tables(schema, method):
        path = schema.path_to(table, ROOT)
        if path:
            joins = [
                f"join {key.table} ({key.table}.{target} = {source}.{column})"
                for source, key in path[:-1]
                for column, target in zip(key.columns, key.targets, strict=False)
            ]
            owner, key = path[-1]
            return ", ".join([*joins, f"compare {owner}.{key.columns[0]} with :account_id"])
    return f"compare {ROOT}.id with :account_id"


def _tables(schema: Schema, method: MethodSpec) -> list[str]:
    names = {table.lower(): table for table in schema.tables}
    mentioned = ((token.identifier or "").lower() for sql in method.sql for token in tokens(sql))
    return list(dict.fromkeys(names[name] for name in mentioned if name in names))
