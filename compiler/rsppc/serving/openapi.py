"""The description of the API (OpenAPI 3.1), made of the table of endpoints and the records that they take and give."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from rsppc.serving.problems import MEDIA_TYPE, Problem
from rsppc.serving.table import BYTES, ENDPOINTS, Endpoint, Parameter
from rsppc.version import LICENSE, VERSION

FILE_NAME = "store_api.v1.openapi.json"
_REF = "#/components/schemas/{name}"
_SCHEMA = {
    "type": "object",
    "required": ["$schema", "$id"],
    "properties": {"$schema": {"const": "https://json-schema.org/draft/2020-12/schema"}, "$id": {"type": "string"}},
}
"""What the body of a metadata schema is at least."""
_MEANINGS = {
    200: "Done, or done before.",
    201: "Made.",
    206: "A range of it.",
    304: "The caller has it already.",
    400: "The request is not of the right form.",
    401: "No token, or one that is not let in.",
    403: "The token does not have the role, or a rule of the store forbids it.",
    404: "There is no such thing here.",
    408: "The body took too long.",
    409: "There is other content under the same name.",
    412: "It is not what the request expects.",
    413: "The body is too large.",
    415: "A body of this type is not taken here.",
    416: "The content has no such range.",
    422: "This can stand in no store.",
    503: "Not at the moment; try again.",
}
_WITH_TOKEN = (400, 401, 403, 503)


def document() -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for one in ENDPOINTS:
        place = paths.setdefault(one.path, {})
        named = [_path_parameter(name) for name in _names_in(one.path)]
        if named:
            place["parameters"] = named
        place[one.method.lower()] = _operation(one)
    records = {one for pair in ((e.takes, e.gives) for e in ENDPOINTS) for one in pair if isinstance(one, type)}
    wanted = sorted([*records, Problem], key=lambda record: record.__name__)
    _, schemas = msgspec.json.schema_components(wanted, ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The artifact store of rsppc",
            "description": "Packages that are published once, found by their digest, and proved years later.",
            "version": VERSION,
            "license": {"name": LICENSE, "identifier": LICENSE},
        },
        "paths": paths,
        "components": {
            "schemas": {name: _as_one_line(schema) for name, schema in sorted(schemas.items())},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of one tenant, made by `rsppc store token add`.",
                }
            },
        },
    }


def _operation(one: Endpoint) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "security": [{"token": []}] if one.roles else [],
        "responses": _responses(one),
    }
    if one.roles:
        made["description"] = f"For the role{'s' if len(one.roles) > 1 else ''} {', '.join(one.roles)}."
    if one.parameters:
        made["parameters"] = [_parameter(parameter) for parameter in one.parameters]
    if one.takes is not None:
        made["requestBody"] = {
            "required": one.takes != BYTES,
            "content": {name: _content(one.takes, {"schema": _SCHEMA}) for name in one.takes_types},
        }
    return made


def _responses(one: Endpoint) -> dict[str, Any]:
    headers = {name: {"schema": {"type": "string"}} for name in one.headers}
    made: dict[str, Any] = {}
    for status in one.statuses:
        answer: dict[str, Any] = {"description": _MEANINGS[status]}
        if headers:
            answer["headers"] = headers
        if status != 304:
            name = one.gives if isinstance(one.gives, str) else "application/json"
            # Content is given under the type that its producer stated, where that type is harmless.
            answer["content"] = {"*/*" if name == BYTES else name: _content(one.gives)}
        links = _links(one)
        if links:
            answer["links"] = links
        made[str(status)] = answer
    refusals = {*one.refusals, *(_WITH_TOKEN if one.roles else ())}
    for status in sorted(refusals):
        made[str(status)] = _refusal(_MEANINGS[status])
    made["default"] = _refusal("Any other refusal.")
    return made


def _links(one: Endpoint) -> dict[str, Any]:
    """Where the answer leads: to every address that has what the endpoint makes, and nothing that is not known."""
    if one.makes is None:
        return {}
    name, pointer = one.makes
    known = {name: f"$response.body#{pointer}"} | {
        other: f"$request.path.{other}" for other in _names_in(one.path) if other != name
    }
    return {
        other.name: {"operationId": other.name, "parameters": {there: known[there] for there in _names_in(other.path)}}
        for other in ENDPOINTS
        if name in _names_in(other.path) and set(_names_in(other.path)) <= set(known)
    }


def _names_in(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _refusal(meaning: str) -> dict[str, Any]:
    return {"description": meaning, "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}}


def _content(what: Any, other_json: Any = {"schema": {"type": "object"}}) -> dict[str, Any]:  # noqa: B006
    """What a body is: a record, JSON of which no more is said, or bytes."""
    if isinstance(what, type):
        return {"schema": {"$ref": _REF.format(name=what.__name__)}}
    return dict(other_json) if what.endswith("json") else {}


def _parameter(one: Parameter) -> dict[str, Any]:
    bounds = {"type": "integer", "minimum": one.least, "maximum": one.most}
    text = {"type": "string", "enum": list(one.choices)} if one.choices else {"type": "string"}
    schema = text if one.kind == "text" else bounds
    return {
        "name": one.name,
        "in": one.place,
        "description": one.summary,
        "required": one.required,
        "schema": schema,
    }


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _as_one_line(schema: Any) -> Any:
    """Docstrings are broken into lines in the code only."""
    if isinstance(schema, dict):
        return {
            key: " ".join(value.split()) if key == "description" and isinstance(value, str) else _as_one_line(value)
            for key, value in schema.items()
        }
    return [_as_one_line(item) for item in schema] if isinstance(schema, list) else schema
