"""Correct account methods with one condition dropped, weakened or widened: each is refused, or listed with a reason."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from generator.checks.context import Context
from generator.checks.isolation import find_leak
from generator.spec.database import MethodSpec
from generator.spec.load import load_spec
from generator.spec.sql import number as numbered
from tests.generator.isolation_cases import CAREFUL, add_tables
from tests.generator.spec_folder import TEMPLATES, SpecFolder

PROJECT = Path(__file__).parents[2]
GUARD = re.compile(r"(?P<owner>(?:\w+\.)?(?:account_id|id)) = :account_id")
JOIN = re.compile(r"(?P<owner>\w+\.(?:\w+_)?id) = \w+\.(?:\w+_)?id\b")

# What becomes of a comparison with the account, `{0}` its column.
GUARDS = {
    "dropped": ":account_id IS NOT NULL",
    "at least": "{0} >= :account_id",
    "at most": "{0} <= :account_id",
    "not": "NOT {0} = :account_id",
    "other than": "{0} <> :account_id",
    "is not": "{0} IS NOT :account_id",
    "one more": "{0} IN (:account_id, 7)",
    "begins with": "{0} LIKE :account_id || '%'",
    "or any": "({0} = :account_id OR {0} IS NOT NULL)",
    "or one": "({0} = :account_id OR {0} = 7)",
    "if null": "coalesce(nullif({0}, {0}), :account_id) = :account_id",
}
# What becomes of a join by keys.
JOINS = {
    "dropped": ":account_id IS NOT NULL",
    "at most": "{0} <= {1}",
    "other than": "{0} <> {1}",
    "or any": "({0} = {1} OR {0} > 0)",
}

# Mutants that show and change nothing of another account, and why.
# A mutation is the number of the statement, the change and its place; its beginning stands for all that begin so.
EQUIVALENT: dict[tuple[str, str], str] = {
    ("listReview", "1 join 3"): "the group is still that of a member whose pull request is the account's",
    ("listReview", "1 join 4"): "the group is still one of the account's scan",
    ("listReview", "1 join 5"): "the group is still that of a member whose pull request is the account's",
    ("deleteVerdict", "1 join 2"): "a verdict is on two of one repository, and the first is the account's",
    (
        "an exception",
        "1 or behind 2",
    ): "nothing is left: the account's own titles are taken away, whoever else has them",
    ("a recursion", "1 join 1"): "the drafts are still the account's",
    ("under the row that was inserted", "2 "): "the row was inserted by the statement before, for the account",
}
# The parent of a draft is of the same account: rows that mix accounts cannot be written.
EQUIVALENT |= {
    ("a recursion", f"1 {key} 2"): "a draft above the account's is the account's" for key in [*GUARDS, "or before"]
}
# Whichever repositories are meant, only the account's are shown: that is what the first condition says.
EQUIVALENT |= {
    ("listSameRepos", f"1 {key} {number}"): "only the account's own are shown"
    for key in [*GUARDS, "or before", "or behind"]
    for number in (2, 3)
}


def mutants(method: MethodSpec) -> Iterator[tuple[str, MethodSpec]]:
    """Each change of one condition, with what tells it from the others."""
    for index, sql in enumerate(method.sql):
        changed: list[tuple[str, str]] = []
        for number, found in enumerate(GUARD.finditer(sql), start=1):
            before, after = sql[: found.start()], sql[found.end() :]
            changed += [
                (f"{key} {number}", before + text.format(found["owner"]) + after) for key, text in GUARDS.items()
            ]
            if re.search(r"\bAND\s+$", before):
                changed.append((f"or before {number}", re.sub(r"\bAND(\s+)$", r"OR\1", before) + found[0] + after))
            if re.match(r"\s+AND\b", after):
                changed.append((f"or behind {number}", before + found[0] + re.sub(r"^(\s+)AND\b", r"\1OR", after)))
        for number, found in enumerate(JOIN.finditer(sql), start=1):
            left, right = found[0].split(" = ")
            before, after = sql[: found.start()], sql[found.end() :]
            changed += [
                (f"join {number} {key}", before + text.format(left, right) + after) for key, text in JOINS.items()
            ]
        for name, text in changed:
            statements = [*method.sql[:index], text, *method.sql[index + 1 :]]
            yield f"{index + 1} {name}", method.model_copy(update={"sql": statements})


def judge(context: Context, names: Mapping[str, str]) -> str:
    """Try all mutants of a spec; how many there are, and how many are refused.

    Fails when one is taken for safe that is not listed, or one is refused that is.
    """
    box = context.sandbox
    assert box is not None
    count = equivalent = 0
    for name, method in context.spec.database.methods.items():
        for mutation, mutant in mutants(method) if method.scope == "account" else ():
            for sql in mutant.sql:
                # Only what SQLite takes is a mutant.
                box.schema.connection.execute(f"EXPLAIN {numbered(sql).sql}", [None] * len(numbered(sql).order))
            kind = names.get(name, name)
            reasons = [
                reason for (listed, how), reason in EQUIVALENT.items() if listed == kind and mutation.startswith(how)
            ]
            finding = find_leak(box, name, mutant)
            assert bool(finding) != bool(reasons), f"{kind}, {mutation}: {finding or mutant.sql}"
            count += 1
            equivalent += not finding
    return f"{count} mutants, {count - equivalent} refused, {equivalent} equivalent"


def test_mutants_of_the_real_spec_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    said = judge(Context(load_spec(PROJECT / "spec"), TEMPLATES), {})
    with capsys.disabled():
        print(f"\nspec/database.yaml: {said}")


def test_mutants_of_other_statements_are_refused(spec: SpecFolder, capsys: pytest.CaptureFixture[str]) -> None:
    add_tables(spec)
    names = {}
    for number, (kind, (sql, params, result)) in enumerate(CAREFUL.items()):
        names[f"keep{number}"] = kind
        spec.method(f"keep{number}", sql, scope="account", params=params, **({"result": result} if result else {}))
    said = judge(Context(load_spec(spec.write()), TEMPLATES), names)
    with capsys.disabled():
        print(f"\nthe careful statements: {said}")
