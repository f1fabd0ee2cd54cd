"""A small valid spec as plain data, to be changed by a test and written to a folder."""

import copy
from pathlib import Path
from typing import Any, Self

import yaml

from generator.checks import check_spec
from generator.diagnostics import SpecError
from generator.layout import TEMPLATE_SUFFIX, target_of, template_names
from generator.output.plan import plan
from generator.spec.load import LoadedSpec, load_spec

TEMPLATES = Path(__file__).parents[2] / "templates"
REAL_BINDINGS = TEMPLATES.parent / "spec" / "bindings.yaml"

MIGRATION = """\
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    label TEXT
);
CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    body TEXT,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    stars REAL NOT NULL DEFAULT 0,
    tags TEXT NOT NULL DEFAULT '[]',
    meta TEXT
);
CREATE TABLE comments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    note_id INTEGER NOT NULL REFERENCES notes (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (note_id, number)
);
"""

DATABASE: dict[str, Any] = {
    "acronyms": ["PR"],
    "enums": {"ScanStatus": {"values": ["queued", "done", "failed"]}},
    "entities": {"Account": {"doc": "A caller.", "columns": {"id": "integer", "label": "text?"}}},
    "methods": {
        "getAccount": {
            "scope": "account",
            "doc": "The account itself.",
            "sql": "SELECT id, label FROM accounts WHERE id = :account_id",
            "result": "Account?",
        }
    },
}

ROUTES: dict[str, Any] = {
    "title": "notes",
    "description": "Keeps notes.",
    "scalars": {"City": {"type": "text", "max_length": 99, "pattern": "^[a-z]+$", "but_not": ["nowhere"]}},
    "models": {"Health": {"fields": {"status": "text"}}},
    "errors": {
        "INVALID_REQUEST": {"status": 400, "brought_by": ["body", "params"], "doc": "The request is not valid."},
        "UNAUTHORIZED": {"status": 401, "brought_by": ["account"], "doc": "The API key is not known."},
        "INTERNAL_ERROR": {"status": 500, "brought_by": ["any"], "doc": "The service failed."},
    },
    "max_body_bytes": 1000,
    "routes": [
        {
            "name": "getHealth",
            "method": "GET",
            "path": "/health",
            "auth": "none",
            "doc": "Whether the service answers.",
            "handler": "health.get_health",
            "responses": {200: "Health"},
        }
    ],
}

JOBS: dict[str, Any] = {
    "message": {"fields": {"type": "text", "scanId": "integer", "step": "integer"}},
    "retries": {
        "base_seconds": 1,
        "rate_limit_base_seconds": 60,
        "longest_seconds": 120,
        "patience_seconds": 600,
        "asked_seconds": 86400,
        "unexpected": 3,
        "deaths": 3,
    },
    "polling": {"first_seconds": 10, "growth": 1.5, "longest_seconds": 120, "max_errors": 12},
    "retention": {"days": 7, "scans_with_groups": 2, "unused_answers_days": 9, "scans_a_sweep": 1, "rows_a_sweep": 100},
    "runner": {"statements": 7, "subrequests": 5},
    "phases": [
        {
            "name": "scan",
            "doc": "Open the scan.",
            "status": "queued",
            "next": "done",
            "slice": {"of": "repository", "size": 1},
            "budget": {"statements": 2, "round_trips": 1},
        }
    ],
}

BINDINGS: dict[str, Any] = {
    "worker": {
        "name": "notes",
        "compatibility_date": "2026-09-08",
        "compatibility_flags": ["python_workers"],
        "cpu_ms": 30000,
        "plan": "paid",
    },
    "local": {"port": 3400, "poll_seconds": 1, "jobs": 6, "jobs_per_account": 2},
    "d1": {"binding": "DB", "database_name": "notes"},
    "queues": {
        "pipeline": {
            "binding": "PIPELINE_QUEUE",
            "name": "notes-pipeline",
            "dead_letter": "dead_letter",
            "max_batch_size": 1,
            "max_batch_timeout": 1,
            "max_retries": 30,
            "max_concurrency": 20,
            "retry_delay": 30,
        },
        "dead_letter": {
            "name": "notes-dlq",
            "max_batch_size": 10,
            "max_batch_timeout": 5,
            "max_retries": 30,
            "max_concurrency": 2,
            "retry_delay": 60,
        },
    },
    "durable_objects": [{"binding": "BATCH_POLLER", "class": "BatchPoller"}],
    "limits": {
        "d1_bound_parameters": 100,
        "d1_statement_bytes": 100000,
        "d1_value_bytes": 2000000,
        "d1_columns": 100,
        "d1_compound_terms": 5,
        "d1_expression_depth": 100,
        "d1_function_arguments": 32,
        "d1_pattern_bytes": 50,
        "queue_message_bytes": 128000,
        "queue_message_overhead_bytes": 100,
        "queue_batch_messages": 100,
        "queue_max_delay_seconds": 43200,
        "queue_max_retries": 100,
        "queue_max_concurrency": 250,
        "vectorize_dimensions": 1536,
        "vectorize_id_bytes": 64,
        "vectorize_metadata_indexes": 10,
        "cpu_ms": 300000,
    },
    "d1_functions": yaml.safe_load(REAL_BINDINGS.read_text())["d1_functions"],
    "plans": {"paid": {"d1_queries": 1000, "subrequests": 1000}, "free": {"d1_queries": 50, "subrequests": 50}},
}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, as a person would."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


class SpecFolder:
    """The small spec, ready to be changed: `database`, `routes`, `jobs` and `bindings` are data, `migrations` SQL."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.database = copy.deepcopy(DATABASE)
        self.routes = copy.deepcopy(ROUTES)
        self.jobs = copy.deepcopy(JOBS)
        self.bindings = copy.deepcopy(BINDINGS)
        self.migrations = {"0001_initial.sql": MIGRATION}

    def write(self) -> Path:
        """Write the files; the spec's folder."""
        folder = self.project / "spec"
        (folder / "migrations").mkdir(parents=True, exist_ok=True)
        for name in ("database", "routes", "jobs", "bindings"):
            text = yaml.dump(getattr(self, name), Dumper=_Dumper, sort_keys=False, width=200, allow_unicode=True)
            (folder / f"{name}.yaml").write_text(text)
        for name, sql in self.migrations.items():
            (folder / "migrations" / name).write_text(sql)
        return folder

    def load(self) -> LoadedSpec:
        """Write, load and check the spec."""
        loaded = load_spec(self.write())
        check_spec(loaded, TEMPLATES)
        return loaded

    def generate(self) -> dict[str, str]:
        """What the generator makes of it, by path; lock files and the like are left out."""
        output = plan(self.load().spec, TEMPLATES)
        return {path: content.decode() for path, content in output.items() if path in rendered()}

    def diagnostics(self) -> str:
        """What is wrong with it, as it is printed; empty when nothing is."""
        try:
            self.load()
        except SpecError as error:
            return str(error)
        return ""

    def method(self, name: str, sql: str | list[str], **more: Any) -> Self:
        """Add a database method; an internal one without parameters unless more is said."""
        self.database["methods"][name] = {"scope": "internal", "doc": "What the test is about.", "sql": sql, **more}
        return self

    def route(self, **more: Any) -> Self:
        """Add a route; a GET of /things that lists nothing unless more is said."""
        default = {"name": "listThings", "method": "GET", "path": "/things", "auth": "none", "doc": "Things."}
        self.routes["routes"].append({**default, "handler": "health.get_health", "responses": {200: "json"}, **more})
        return self


def rendered() -> set[str]:
    """The files that are rendered from templates, by their paths in the output."""
    return {target_of(name) for name in template_names(TEMPLATES) if name.endswith(TEMPLATE_SUFFIX)}
