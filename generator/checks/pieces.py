"""Long lists are sent in pieces: a trial of whether a method means the same then."""

from generator.checks.context import Context
from generator.findings.sql import SQL014
from generator.spec.database import MethodSpec
from generator.spec.sql import parameters, tokens
from generator.spec.types import TypeExpression
from generator.trial.sandbox import Answers, Role, Sandbox
from generator.trial.seed import SqlValue, sample, to_json

MAX_CALLS = 8


def check(context: Context) -> None:
    """Run every method that takes a list with all of its items at once, and with one after the other."""
    box = context.sandbox
    if box is None:
        return
    box.answers = Answers()
    for name, method in context.spec.database.methods.items():
        lists = [
            (key, type_) for key, type_ in method.parameters() if isinstance(type_, TypeExpression) and type_.is_list
        ]
        if len(lists) != 1 or not method.pieces or context.is_broken("database", "methods", name):
            continue
        key, type_ = lists[0]
        if _is_limited(method) or any(_differs(box, role, method, key, type_.item) for role in box.roles):
            location = ("methods", name, "params", key)
            message = f"'{name}' means something else when a long :{key} is sent in pieces"
            hint = "write `pieces: false`, and a list that is too long for one value is an error; or ask it otherwise"
            context.add(SQL014, "database", location, message, hint)


def _is_limited(method: MethodSpec) -> bool:
    """Whether each piece would have a limit of its own."""
    return any(token.keyword == "LIMIT" and token.depth == 0 for sql in method.sql for token in tokens(sql))


def _differs(box: Sandbox, role: Role, method: MethodSpec, key: str, item: TypeExpression) -> bool:
    marks = dict.fromkeys([*role.own, *role.others])
    pieces: dict[str, SqlValue] = {
        f"{key}_{number}": to_json([sample(box.database, item, mark)]) for number, mark in enumerate(marks)
    }
    split = method.model_copy(update={"sql": [_renamed(sql, key, piece) for piece in pieces for sql in method.sql]})
    whole: SqlValue = to_json([sample(box.database, item, mark) for mark in marks])
    for values in box.calls(method, role, limit=MAX_CALLS):
        at_once = box.run(role, method, {**values, key: whole}, alone=False)
        one_by_one = box.run(role, split, {**values, **pieces}, alone=False)
        if at_once.outcome.error or one_by_one.outcome.error:
            continue
        if (at_once.outcome.rows, at_once.changed, at_once.rest) != (
            one_by_one.outcome.rows,
            one_by_one.changed,
            one_by_one.rest,
        ):
            return True
    return False


def _renamed(sql: str, old: str, new: str) -> str:
    """A statement with a parameter of another name."""
    for occurrence in reversed(parameters(sql)):
        if occurrence.name == old:
            start = occurrence.offset + 1
            sql = sql[:start] + new + sql[start + len(old) :]
    return sql
