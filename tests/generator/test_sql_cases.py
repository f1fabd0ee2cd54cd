"""SQL cases: the checks take what D1 takes, and refuse what it refuses (tests/hosts/worker asks the real one)."""

import pytest

from generator.checks import results, samples, statements
from generator.checks.context import Context
from generator.diagnostics import Diagnostic
from generator.spec.load import load_spec
from generator.spec.migrations import Migration
from generator.trial.d1 import D1
from generator.trial.tables import migrate
from tests.generator.spec_folder import TEMPLATES, SpecFolder
from tests.generator.sql_cases import MIGRATIONS, ROWS, TABLE, verdicts

VERDICTS = verdicts()


@pytest.mark.parametrize("file", [file for file in VERDICTS if file != MIGRATIONS])
def test_methods_are_judged_as_d1_judges_them(spec: SpecFolder, file: str) -> None:
    spec.migrations["0002_words.sql"] = f"{TABLE};\n{ROWS};\n"
    for number, sql in enumerate(VERDICTS[file]):
        spec.method(f"try{number}", sql, **({"result": "integer[]"} if sql.startswith("SELECT id FROM") else {}))
    context = Context(load_spec(spec.write()), TEMPLATES)
    for check in (statements.check, results.check, samples.check):
        check(context)
    lines = (spec.project / "spec/database.yaml").read_text().splitlines()
    starts = {line.strip().rstrip(":"): number for number, line in enumerate(lines, start=1)}
    refused = {one.position.line for one in context.diagnostics if one.code.startswith("SQL")}
    found = {
        sql: not any(starts[f"try{number}"] < line < starts[f"try{number}"] + 5 for line in refused)
        for number, sql in enumerate(VERDICTS[file])
    }
    assert found == VERDICTS[file]


def test_migrations_are_judged_as_d1_judges_them(spec: SpecFolder) -> None:
    d1 = D1(load_spec(spec.write()).spec.bindings)
    first = Migration(name="0001_words.sql", text=f"{TABLE};\n{ROWS};\n", statements=[])
    found = {}
    for sql in VERDICTS[MIGRATIONS]:
        second = Migration(name="0002_more.sql", text=f"{sql};\n", statements=[])
        found[sql] = not isinstance(migrate([first, second], {}, d1), Diagnostic)
    assert found == VERDICTS[MIGRATIONS]
