"""The description of the interface is itself sound: its schemas, its references, its examples."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((ROOT / "src/api/openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]


def schema(name):
    """One schema, within a document in which its references resolve."""
    return {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}


def faults(name, value):
    return [e.message for e in jsonschema.Draft202012Validator(schema(name)).iter_errors(value)]


def walk(value, place=""):
    yield place, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from walk(child, f"{place}/{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from walk(child, f"{place}/{index}")


def resolve(reference):
    assert reference.startswith("#/"), reference
    value = DOCUMENT
    for part in reference[2:].split("/"):
        value = value[part.replace("~1", "/").replace("~0", "~")]
    return value


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_reference_leads_somewhere():
    references = [value["$ref"] for _, value in walk(DOCUMENT) if isinstance(value, dict) and "$ref" in value]
    assert len(references) > 100
    for reference in references:
        resolve(reference)


def test_every_part_is_used():
    text = json.dumps(DOCUMENT)
    for kind in ("schemas", "responses", "parameters"):
        for name in DOCUMENT["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in text, f"{kind}: {name}"


@pytest.mark.parametrize("name", [name for name in SCHEMAS if "examples" in SCHEMAS[name]])
def test_each_example_is_what_it_shows(name):
    for example in SCHEMAS[name]["examples"]:
        assert faults(name, example) == []


def test_examples_within_schemas_are_what_they_show():
    for place, value in walk(SCHEMAS):
        if isinstance(value, dict) and value.get("type") == "string" and isinstance(value.get("examples"), list):
            for example in value["examples"]:
                jsonschema.validate(example, value)


# Open on purpose: clients ignore what they do not know, and names are the stages' or the user's own.
OPEN = {"Problem", "Health", "timing", "env"}


def test_objects_are_closed():
    faulty = []
    for place, value in walk(SCHEMAS):
        if isinstance(value, dict) and value.get("type") == "object" and value.get("additionalProperties") is not False:
            if place.split("/")[-1] not in OPEN:
                faulty.append(place)
    assert not faulty


def test_operations_have_names_of_their_own_and_declare_their_parameters():
    seen = set()
    for path, item in DOCUMENT["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method == "parameters":
                continue
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            parameters = [resolve(p["$ref"]) for p in [*shared, *operation.get("parameters", [])]]
            declared = sorted(p["name"] for p in parameters if p["in"] == "path")
            assert declared == sorted(re.findall(r"\{(\w+)\}", path)), path
            assert operation["responses"]["default"], path


def test_the_example_of_the_reference_is_a_problem():
    page = (ROOT / "docs/reference/problems.md").read_text()
    example = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL).group(1))
    assert faults("Problem", example) == []


PROGRAM = {"runtime": "python", "files": [{"content": "print()"}]}


@pytest.mark.parametrize(
    "body",
    [
        {"files": PROGRAM["files"]},
        {"runtime": "python"},
        {**PROGRAM, "lmits": {}},
        {**PROGRAM, "limits": {"run": {"cpu_time": 1}}},
        {**PROGRAM, "limits": {"run": {"cpu_time_us": 0}}},
        {**PROGRAM, "limits": {"run": {"cpu_time_us": 1.5e6 + 0.5}}},
        {**PROGRAM, "stop_early": True},
        {**PROGRAM, "check": {"kind": "exact"}},
        {**PROGRAM, "tests": []},
        {**PROGRAM, "tests": [{}], "check": {"kind": "floats", "tolerance": -1}},
        {**PROGRAM, "tests": [{}], "check": {"kind": "program", "program": {**PROGRAM, "stdin": ""}}},
        {**PROGRAM, "stdin": {"blob": "A" * 64}},
        {**PROGRAM, "stdin": {"content": "", "blob": "a" * 64}},
        {**PROGRAM, "stdin": None},
        {**PROGRAM, "priority": 101},
        {**PROGRAM, "env": {"A": 1}},
    ],
)
def test_the_schema_refuses_what_the_server_refuses(body):
    assert faults("JobRequest", PROGRAM) == []
    assert faults("JobRequest", body) != []
