"""The OpenAPI 3.1 document of the spec's routes (https://spec.openapis.org/oas/v3.1.0)."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from generator.output.http_views import PATH_PARAMETER
from generator.spec.names import camel
from generator.spec.routes import Constraints, FieldSpec, RouteSpec, RoutesSpec
from generator.spec.spec import Spec
from generator.spec.types import SCALARS, TypeExpression, parse_type
from generator.version import VERSION

Schema = dict[str, Any]
VALIDATION_ERROR = "ValidationError"
ERROR = "Error"
ERROR_CODE = "ErrorCode"
# What `format: url` asks for, as far as a pattern can say it.
URL_PATTERN = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#]"


def build_openapi(spec: Spec) -> Schema:
    """The document as plain data; the same spec gives the same key order."""
    routes = spec.routes
    paths: dict[str, Schema] = {}
    for route in routes.routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(routes, route)
    return {
        "openapi": "3.1.0",
        "info": {"title": routes.title, "version": VERSION, "description": routes.description},
        "paths": paths,
        "components": {
            "schemas": _schemas(spec),
            "responses": {code: _error_response(routes, [code]) for code in routes.errors},
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(routes: RoutesSpec, route: RouteSpec) -> Schema:
    operation: Schema = {"operationId": route.name, "summary": route.doc}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": type_schema(parse_type(route.params[name]))}
        for name in PATH_PARAMETER.findall(route.path)
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        schema = _reference(route.body.model)
        if route.body.lenient:
            schema = {"anyOf": [schema, {"type": "null"}, {"type": "array", "maxItems": 0}]}
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"required": not route.body.lenient, "content": content}
    operation["responses"] = _responses(routes, route)
    operation["security"] = [{"apiKey": []}] if route.auth == "account" else []
    return operation


def _responses(routes: RoutesSpec, route: RouteSpec) -> Schema:
    responses: Schema = {}
    for status, text in route.responses.items():
        response: Schema = {"description": HTTPStatus(status).phrase}
        if text != "none":
            response["content"] = {"application/json": {"schema": type_schema(parse_type(text))}}
        responses[str(status)] = response
    codes = routes.errors_of(route)
    for status in sorted({routes.errors[code].status for code in codes}):
        own = [code for code in codes if routes.errors[code].status == status]
        only = {"$ref": f"#/components/responses/{own[0]}"}
        responses[str(status)] = only if len(own) == 1 else _error_response(routes, own)
    return responses


def _error_response(routes: RoutesSpec, codes: list[str]) -> Schema:
    """The response of a status with one of these codes."""
    shape = VALIDATION_ERROR if routes.errors[codes[0]].status == 400 else ERROR
    schema = {"allOf": [_reference(shape), {"properties": {"code": {"enum": codes}}}]}
    return {
        "description": " ".join(_explained(routes, code) for code in codes),
        "content": {"application/json": {"schema": schema}},
    }


def _explained(routes: RoutesSpec, code: str) -> str:
    return f"`{code}`: {routes.errors[code].doc}"


def _schemas(spec: Spec) -> Schema:
    database = spec.database
    schemas: Schema = {name: {"type": "string", "enum": enum.values} for name, enum in spec.enums.items()}
    for name, record in database.records.items():
        schemas[name] = _object({camel(field): type_schema(parse_type(text)) for field, text in record.fields.items()})
    for name, entity in database.entities.items():
        fields = {camel(column): type_schema(parse_type(text)) for column, text in entity.columns.items()}
        schemas[name] = _object(fields, entity.doc)
    for name, scalar in spec.routes.scalars.items():
        schemas[name] = _constrained({"type": _scalar(scalar.type)}, scalar)
    for name, model in spec.routes.models.items():
        fields = {
            field.removesuffix("?"): _field_schema(field, constraints) for field, constraints in model.fields.items()
        }
        optional = {
            field.removesuffix("?")
            for field, constraints in model.fields.items()
            if field.endswith("?") or constraints.default is not None or constraints.default_by is not None
        }
        schemas[name] = _object(fields, model.doc, optional)
    text_list = {"type": "array", "items": {"type": "string"}}
    flattened = _object({"formErrors": text_list, "fieldErrors": {"type": "object", "additionalProperties": text_list}})
    errors = spec.routes.errors
    meanings = "\n".join(f"- {_explained(spec.routes, code)} ({error.status})" for code, error in errors.items())
    schemas[ERROR_CODE] = {"type": "string", "description": meanings, "enum": list(errors)}
    code = _reference(ERROR_CODE)
    schemas[ERROR] = _object({"error": {"type": "string", "description": "For people to read."}, "code": code})
    schemas[VALIDATION_ERROR] = _object({"error": {"anyOf": [flattened, {"type": "string"}]}, "code": code})
    used = _used(schemas, spec)
    return {name: schema for name, schema in schemas.items() if name in used}


def _used(schemas: Schema, spec: Spec) -> set[str]:
    """The schemas that the routes mention, directly or not."""
    pending = [ERROR, VALIDATION_ERROR]
    for route in spec.routes.routes:
        pending += [parse_type(text).name for text in route.responses.values()]
        pending += [route.body.model] if route.body else []
        pending += route.params.values()
    used: set[str] = set()
    while pending:
        name = pending.pop()
        if name in schemas and name not in used:
            used.add(name)
            pending += _references(schemas[name])
    return used


def _references(schema: object) -> list[str]:
    if isinstance(schema, dict):
        own = [str(schema["$ref"]).rsplit("/", 1)[-1]] if "$ref" in schema else []
        return own + [name for value in schema.values() for name in _references(value)]
    if isinstance(schema, list):
        return [name for value in schema for name in _references(value)]
    return []


def _object(properties: Schema, doc: str = "", optional: set[str] | frozenset[str] = frozenset()) -> Schema:
    schema: Schema = {"type": "object"}
    if doc:
        schema["description"] = doc
    schema["properties"] = properties
    required = [name for name in properties if name not in optional]
    return {**schema, "required": required} if required else schema


def _field_schema(name: str, field: FieldSpec) -> Schema:
    type_ = parse_type(field.type)
    may_be_null = type_.nullable or name.endswith("?") or field.default is not None
    schema = _constrained(type_schema(replace(type_, nullable=may_be_null)), field)
    if field.default is not None:
        schema["default"] = field.default
    if not _may_be_blank(name, field):
        return schema
    described = {key: schema.pop(key) for key in ("description",) if key in schema}
    return {"anyOf": [schema, {"enum": ["", None]}], **described}


def _may_be_blank(name: str, field: FieldSpec) -> bool:
    """Whether an empty text stands for none: only of URLs, which cannot be empty themselves."""
    return field.default_by is not None or (field.format == "url" and name.endswith("?"))


def _constrained(schema: Schema, spec: Constraints) -> Schema:
    is_list = "items" in schema
    constraints = {
        "minimum": spec.min, "maximum": spec.max, "minItems" if is_list else "minLength": spec.min_length,
        "maxItems" if is_list else "maxLength": spec.max_length, "pattern": spec.pattern,
        "not": {"enum": spec.but_not} if spec.but_not else None, "description": spec.doc or None,
    }  # fmt: skip
    if spec.format == "url":
        constraints |= {"format": "uri", "pattern": URL_PATTERN}
    return {**schema, **{name: value for name, value in constraints.items() if value is not None}}


def type_schema(type_: TypeExpression) -> Schema:
    """The JSON Schema of a type."""
    base = _reference(type_.name)
    if type_.name in SCALARS:
        base = {"type": _scalar(type_.name)}
    elif type_.name == "json":
        base = {"type": "object"}
    schema: Schema = {"type": "array", "items": base} if type_.is_list else base
    if not type_.nullable:
        return schema
    if set(schema) == {"type"}:
        return {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _scalar(name: str) -> str:
    return SCALARS[name][2]


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
