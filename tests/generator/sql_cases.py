"""The folder of SQL cases: statements by the verdict of D1, which a test asks of workerd and another one of the checks.

Each is tried on `TABLE` with two rows; those of migrations.yaml are statements of a migration.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "sql_cases"
MIGRATIONS = "migrations"
TABLE = "CREATE TABLE words (id INTEGER PRIMARY KEY, text TEXT, size REAL, meta TEXT)"
ROWS = "INSERT INTO words (id, text, meta) VALUES (1, 'a', '{}'), (2, 'b', '{}')"


def verdicts() -> Mapping[str, Mapping[str, bool]]:
    """Whether D1 takes a statement, by the name of its file."""
    files = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
    return {
        name: {sql: verdict == "taken" for verdict, statements in file.items() for sql in statements}
        for name, file in files.items()
    }
