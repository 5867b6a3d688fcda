# SPDX-License-Identifier: BSD-2-Clause
"""Holds what hvd is asked and answers against toolstack/daemon/openrpc.json, with
a JSON Schema validator that is not ours (python3-jsonschema)."""
import copy
import json
import pathlib

import jsonschema

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
ZONE_SCHEMA = json.loads((TOP / "configs/zone.schema.json").read_text())
DOCUMENT = json.loads((TOP / "toolstack/daemon/openrpc.json").read_text())
METHODS = {m["name"]: m for m in DOCUMENT["methods"]}
ERRORS = DOCUMENT["components"]["errors"]


def validator(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.draft202012_format_checker)


def resolved(schema):
    """Without references, and closed: an answer has no member that the document
    does not name, though clients have to bear some."""
    if isinstance(schema, list):
        return [resolved(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = DOCUMENT
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(target)
    schema = {k: resolved(v) for k, v in schema.items()}
    if "allOf" in schema:
        whole = {"type": "object", "properties": {}, "required": []}
        for part in schema["allOf"]:
            whole["properties"] |= part["properties"]
            whole["required"] += part["required"]
        schema = whole
    if isinstance(schema.get("properties"), dict):
        schema.setdefault("additionalProperties", False)
    return schema


def params_schema(method):
    params = METHODS[method]["params"]
    return {"type": "object",
            "properties": {p["name"]: copy.deepcopy(resolved(p["schema"]))
                           for p in params},
            "required": [p["name"] for p in params if p["required"]],
            "additionalProperties": False}


PARAMS = {m: validator(params_schema(m)) for m in METHODS}
RESULTS = {m: validator(resolved(METHODS[m]["result"]["schema"]))
           for m in METHODS}
EVENT, ERROR_DATA = (validator(resolved(DOCUMENT["components"]["schemas"][name]))
                     for name in ("Event", "ErrorData"))
seen_methods = set()  # that have given a result


def check_error(method, error):
    """method: None if it is no call of one."""
    name = error["data"]["code"]
    described = ERRORS[name]
    assert set(error) == {"code", "message", "data"}, error
    assert error["code"] == described["code"], error
    assert error["message"], error
    ERROR_DATA.validate(error["data"])
    assert "path" not in error["data"] or "x-path" in described, error
    own = {e["$ref"].split("/")[-1] for e in METHODS[method]["errors"]} \
        if method in METHODS else set()
    assert name in own or described.get("x-any-request"), (method, error)


def judge(method, params, answer):
    if "error" in answer:
        check_error(method, answer["error"])
    else:
        PARAMS[method].validate(params)
        RESULTS[method].validate(answer["result"])


def check(method, params, answer):
    """The same of what hvd itself has said: it counts as tested."""
    judge(method, params, answer)
    if "error" not in answer:
        seen_methods.add(method)


def check_event(notification):
    assert set(notification) == {"jsonrpc", "method", "params"}
    EVENT.validate(notification["params"])
    for kind in ("device", "job"):
        assert (kind in notification["params"]) == \
            (notification["params"]["kind"] == kind)
    assert ("viewers" in notification["params"]) == \
        (notification["params"]["kind"] == "display")
