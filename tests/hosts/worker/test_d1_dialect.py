"""What bindings.yaml says of D1's SQL, held against the real one: every function, with every number of arguments."""

from generator.spec.load import load_spec
from generator.trial.d1 import D1, sqlite_functions
from tests.generator.sql_cases import ROWS, TABLE, verdicts
from tests.hosts.worker.probing import do
from tests.support.worker_host import ROOT, WorkerHost

MOST_ARGUMENTS = 4
# Errors about a function itself, or a limit; others are about the place or the values of this call.
REFUSALS = ("no such function", "not authorized", "wrong number of arguments", "too many", "too large", "too complex")


def test_d1_takes_what_the_spec_says(probe: WorkerHost) -> None:
    d1 = D1(load_spec(ROOT / "spec").spec.bindings)
    expected: dict[str, bool] = {}
    for name in sorted(sqlite_functions()):
        for count in range(MOST_ARGUMENTS + 1):
            call = f'SELECT "{name}"({", ".join(["1"] * count)})'
            expected[call] = name in d1.functions and count in d1.functions[name]
    # The limits: as much as is allowed, and one more. D1's documentation has d1_function_arguments, workerd not.
    limits = d1.limits
    for more in (0, 1):
        for sql in (
            " UNION ALL ".join(["SELECT 1"] * (limits.d1_compound_terms + more)),
            f"SELECT {', '.join(['1'] * (limits.d1_columns + more))}",
            # One level is the number's.
            f"SELECT {'-(' * (limits.d1_expression_depth - 1 + more)}1{')' * (limits.d1_expression_depth - 1 + more)}",
            f"SELECT 'x' LIKE '{'a' * (limits.d1_pattern_bytes + more)}'",
        ):
            expected[sql] = not more
    errors: list[str | None] = do(probe, "try_statements", statements=list(expected))
    found = {
        sql: not any(words in (error or "") for words in REFUSALS) for sql, error in zip(expected, errors, strict=True)
    }
    assert found == expected


def test_d1_judges_the_sql_cases_as_their_folder_says(probe: WorkerHost) -> None:
    fresh = ["DROP TABLE IF EXISTS words", "DROP TABLE IF EXISTS wordz", TABLE, ROWS]
    for file, expected in verdicts().items():
        tried = [statement for sql in expected for statement in (*fresh, sql)]
        errors: list[str | None] = do(probe, "try_statements", statements=tried)
        assert not any(error for number, error in enumerate(errors) if number % 5 < 4)
        assert dict(zip(expected, (error is None for error in errors[4::5]), strict=True)) == expected, file
