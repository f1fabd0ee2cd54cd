"""Random valid specs: tables, entities, methods and routes of any number and shape, with odd names and texts."""

from typing import Any

from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from generator.checks.names import USED_FIELDS, USED_METHODS, USED_PARAMETERS, USED_TYPES
from generator.spec.names import PYTHON_RESERVED, TYPESCRIPT_RESERVED, camel, pascal
from generator.spec.types import parse_type
from tests.generator.spec_folder import SpecFolder

SQL_TYPES = {"text": "TEXT", "integer": "INTEGER", "real": "REAL", "boolean": "INTEGER", "json": "TEXT"}
SQL_WORDS = frozenset("""
    add all alter and as asc begin between by case check collate column commit constraint create cross current default
    delete desc distinct drop each else end escape exists explain fail filter for foreign from full glob group having if
    ignore in index inner insert instead intersect into is isnull join key left like limit match natural no not notnull
    null of offset on or order outer over plan pragma primary query raise references regexp replace restrict right
    rollback row rows savepoint select set table temp then ties to transaction trigger union unique update using vacuum
    values view virtual when where window with without
    """.split())  # noqa: SIM905
TEXTS = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")) | st.sampled_from(list("\n\"'\\`${}*/#|:")), min_size=1
).filter(lambda text: bool(text.strip()))


@st.composite
def words(draw: st.DrawFn) -> str:
    """A snake_case name that both languages, SQL and JSON take."""
    parts = draw(st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=14), min_size=1, max_size=4))
    name = "_".join(parts) + draw(st.sampled_from(["", "", "2", "_id", "_at"]))
    taken = PYTHON_RESERVED | TYPESCRIPT_RESERVED | USED_FIELDS | USED_PARAMETERS | USED_METHODS | SQL_WORDS
    odd = name in taken or camel(name) in taken or name.startswith("model_") or to_camel(name) != camel(name)
    return f"{name}_x" if odd or name in ("id", "account_id", "after", "page_size") else name


@st.composite
def columns(draw: st.DrawFn, structured: list[str]) -> dict[str, str]:
    """Columns by name, with types of every kind."""
    names = draw(st.lists(words(), min_size=1, max_size=6, unique_by=lambda name: camel(name).lower()))
    bases = st.sampled_from([*SQL_TYPES, *structured])
    types = draw(st.lists(st.tuples(bases, st.sampled_from(["", "", "[]"]), st.sampled_from(["", "?"])),
                          min_size=len(names), max_size=len(names)))  # fmt: skip
    return {name: "".join(type_) for name, type_ in zip(names, types, strict=True)}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """What is added to the small spec: the four files as data, and the tables."""
    roots = draw(st.lists(words(), min_size=6, max_size=6, unique_by=lambda name: camel(name).lower()))
    types = [pascal(name) for name in roots]
    taken = USED_TYPES | {"Account", "Health", "ScanStatus"}
    types = [f"{name}Thing" if name in taken else name for name in types]
    enums = {types[0]: {"doc": draw(TEXTS), "values": draw(st.lists(words(), min_size=1, max_size=9, unique=True))}}
    inner = draw(columns([types[0]]))
    records = {types[1]: {"fields": inner}, types[2]: {"doc": draw(TEXTS), "fields": {"inner": types[1] + "?"}}}
    entities: dict[str, Any] = {}
    methods: dict[str, Any] = {}
    tables = []
    for name, type_ in zip(roots[3:5], types[3:5], strict=True):
        fields = draw(columns([types[0], types[1], types[2]]))
        entities[type_] = {"doc": draw(TEXTS), "columns": {"id": "integer", **fields}}
        tables.append(table(f"{name}_rows", fields))
        methods |= draw(methods_of(f"{name}_rows", type_, fields))
    models, route = draw(routes(types[5], [*types[:3], *types[3:5]]))
    return {
        "enums": enums,
        "records": records,
        "entities": entities,
        "methods": methods,
        "models": models,
        "route": route,
        "migration": "\n".join(tables),
        "vars": {draw(words()).upper(): {"default": draw(TEXTS), "doc": draw(TEXTS)}},
        "slice": draw(TEXTS),
    }


def table(name: str, fields: dict[str, str]) -> str:
    """A table of an account whose columns fit an entity's."""
    lines = ["id INTEGER PRIMARY KEY", "account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE"]
    for column, text in fields.items():
        type_ = parse_type(text)
        sql = "TEXT" if type_.is_list else SQL_TYPES.get(type_.name, "TEXT")
        lines.append(f'"{column}" {sql}{"" if type_.nullable else " NOT NULL"}')
    return f"CREATE TABLE {name} (\n    {', '.join(lines)}\n);"


@st.composite
def methods_of(draw: st.DrawFn, name: str, type_: str, fields: dict[str, str]) -> dict[str, Any]:
    """Methods of a table: one row, a page of rows, rows by ids, a count, an insertion, a patch, a deletion."""
    selected = ", ".join(["id", *(f'"{field}"' for field in fields)])
    own = "account_id = :account_id"
    plain = {field: text for field, text in fields.items() if not parse_type(text).is_list}
    sets = ", ".join(f'"{field}" = ifnull(:changes ->> \'$.{camel(field)}\', "{field}")' for field in plain)
    quoted, values = [f'"{field}"' for field in plain], [f":{field}" for field in plain]
    possible: dict[str, dict[str, Any]] = {
        f"get{type_}": {
            "params": {"id": "integer"},
            "sql": f"SELECT {selected} FROM {name} WHERE id = :id AND {own}",
            "result": f"{type_}?",
        },
        f"list{type_}": {
            "sql": f"SELECT {selected} FROM {name}\nWHERE {own} AND id > :after\nORDER BY id LIMIT :page_size\n",
            "result": f"{type_}[]",
            "page": {"by": "id", "size": draw(st.integers(1, 5000))},
        },
        f"find{type_}": {
            "params": {"ids": "integer[]"},
            "sql": f"SELECT {selected} FROM {name} WHERE {own} AND id IN (SELECT value FROM json_each(:ids))",
            "result": f"{type_}[]",
        },
        f"count{type_}": {"sql": f"SELECT count(*) AS rows_found FROM {name} WHERE {own}", "result": "integer"},
        f"insert{type_}": {
            "params": plain,
            "sql": f"INSERT INTO {name} ({', '.join(['account_id', *quoted])}) "
            f"SELECT {', '.join(['id', *values])} FROM accounts WHERE id = :account_id",
            "result": "changes",
        },
        f"clear{type_}": {
            "sql": [f"DELETE FROM {name} WHERE {own}", "UPDATE accounts SET label = NULL WHERE id = :account_id"],
        },
    }
    if plain:
        possible[f"change{type_}"] = {
            "params": {"id": "integer", "changes": {"patch": plain}},
            "sql": f"UPDATE {name} SET {sets} WHERE id = :id AND {own}",
            "result": "changes",
        }
    chosen = draw(st.lists(st.sampled_from(sorted(possible)), unique=True))
    return {key: {"scope": "account", "doc": draw(TEXTS), **possible[key]} for key in chosen}


@st.composite
def routes(draw: st.DrawFn, model: str, types: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A model of every kind of field, and a route that takes and answers with it."""
    fields: dict[str, Any] = {}
    for name, text in draw(columns(types)).items():
        type_ = parse_type(text)
        constraints: dict[str, Any] = {"type": text, "doc": draw(TEXTS)}
        if type_.name == "text" and not type_.is_list:
            constraints |= draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "min_length": st.integers(0, 3),
                        "max_length": st.integers(3, 99),
                        "pattern": st.sampled_from(["^[a-z]+$", '^["\\\\s]*$', "a\\d{2}'"]),
                        "secret": st.booleans(),
                    },
                )
            )
            constraints |= {"default": draw(TEXTS)} if draw(st.booleans()) else {}
        if type_.name in ("integer", "real") and not type_.is_list:
            limits = {"min": st.integers(-9, 0), "max": st.integers(0, 9)}
            constraints |= draw(st.fixed_dictionaries({}, optional=limits))
        fields[name + draw(st.sampled_from(["", "?"]))] = constraints if draw(st.booleans()) else text
    route = {
        "name": "sendThing",
        "method": "POST",
        "path": "/things",
        "doc": draw(TEXTS),
        "auth": "none",
        "handler": "accounts.create_account",
        "body": model,
        "responses": {201: draw(st.sampled_from([model, f"{model}[]"]))},
    }
    return {model: {"doc": draw(TEXTS), "fields": fields}}, route


def apply(spec: SpecFolder, drawn: dict[str, Any]) -> None:
    """Add what was drawn to a small spec."""
    for section in ("enums", "records", "entities", "methods"):
        spec.database.setdefault(section, {}).update(drawn[section])
    spec.routes["models"].update(drawn["models"])
    spec.routes["routes"].append(drawn["route"])
    spec.migrations["0002_random.sql"] = drawn["migration"] + "\n"
    spec.bindings["vars"] = drawn["vars"]
    spec.jobs["phases"][0]["slice"]["of"] = drawn["slice"]
