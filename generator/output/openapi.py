"""The OpenAPI 3.1 document of the spec's routes (https://spec.openapis.org/oas/v3.1.0)."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from generator.output.http_views import PATH_PARAMETER
from generator.spec.names import camel
from generator.spec.routes import FieldSpec, RouteSpec
from generator.spec.spec import Spec
from generator.spec.types import SCALARS, TypeExpression, parse_type

Schema = dict[str, Any]
VALIDATION_ERROR = "ValidationError"
ERROR = "Error"


def build_openapi(spec: Spec) -> Schema:
    """The document as plain data; the same spec gives the same key order."""
    routes = spec.routes
    paths: dict[str, Schema] = {}
    for route in routes.routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": routes.title, "version": routes.version, "description": routes.description},
        "paths": paths,
        "components": {
            "schemas": _schemas(spec),
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: RouteSpec) -> Schema:
    operation: Schema = {"operationId": route.name, "summary": route.doc}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": _scalar(route.params.get(name, "text"))}}
        for name in PATH_PARAMETER.findall(route.path)
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        content = {"application/json": {"schema": _reference(route.body.model)}}
        operation["requestBody"] = {"required": not route.body.lenient, "content": content}
    operation["responses"] = _responses(route)
    operation["security"] = [{"apiKey": []}] if route.auth == "account" else []
    return operation


def _responses(route: RouteSpec) -> Schema:
    responses: Schema = {}
    for status, text in route.responses.items():
        response: Schema = {"description": HTTPStatus(status).phrase}
        if text != "none":
            response["content"] = {"application/json": {"schema": type_schema(parse_type(text))}}
        responses[str(status)] = response
    errors = {*route.errors, *([401] if route.auth == "account" else []), *([400] if route.body else [])}
    for status in sorted(errors):
        schema = VALIDATION_ERROR if status == 400 and route.body else ERROR
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": _reference(schema)}},
        }
    return responses


def _schemas(spec: Spec) -> Schema:
    database = spec.database
    schemas: Schema = {name: {"type": "string", "enum": enum.values} for name, enum in spec.enums.items()}
    for name, record in database.records.items():
        schemas[name] = _object({camel(field): type_schema(parse_type(text)) for field, text in record.fields.items()})
    for name, entity in database.entities.items():
        fields = {camel(column): type_schema(parse_type(text)) for column, text in entity.columns.items()}
        schemas[name] = _object(fields, entity.doc)
    for name, model in spec.routes.models.items():
        fields = {
            field.removesuffix("?"): _field_schema(constraints, _may_be_blank(field, constraints))
            for field, constraints in model.fields.items()
        }
        optional = {
            field.removesuffix("?")
            for field, constraints in model.fields.items()
            if field.endswith("?") or constraints.default is not None or constraints.default_by is not None
        }
        schemas[name] = _object(fields, model.doc, optional)
    text_list = {"type": "array", "items": {"type": "string"}}
    flattened = _object({"formErrors": text_list, "fieldErrors": {"type": "object", "additionalProperties": text_list}})
    schemas[ERROR] = _object({"error": {"type": "string"}})
    schemas[VALIDATION_ERROR] = _object({"error": {"anyOf": [flattened, {"type": "string"}]}})
    used = _used(schemas, spec)
    return {name: schema for name, schema in schemas.items() if name in used}


def _used(schemas: Schema, spec: Spec) -> set[str]:
    """The schemas that the routes mention, directly or not."""
    pending = [ERROR, VALIDATION_ERROR]
    for route in spec.routes.routes:
        pending += [parse_type(text).name for text in route.responses.values()]
        pending += [route.body.model] if route.body else []
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


def _field_schema(field: FieldSpec, may_be_blank: bool) -> Schema:
    type_ = parse_type(field.type)
    if field.default is not None:
        type_ = replace(type_, nullable=True)
    schema = type_schema(type_)
    constraints = {
        "minimum": field.min, "maximum": field.max, "minLength": field.min_length, "maxLength": field.max_length,
        "pattern": field.pattern, "format": "uri" if field.format == "url" else None, "default": field.default,
        "description": field.doc or None,
    }  # fmt: skip
    found = {**schema, **{name: value for name, value in constraints.items() if value is not None}}
    if not may_be_blank:
        return found
    described = {name: found.pop(name) for name in ("description",) if name in found}
    return {"anyOf": [found, {"enum": ["", None]}], **described}


def _may_be_blank(name: str, field: FieldSpec) -> bool:
    """Whether an empty text stands for none: only of URLs, which cannot be empty themselves."""
    return field.default_by is not None or (field.format == "url" and name.endswith("?"))


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
