"""Every operation of the document that the server serves, called for real; bodies are held to the document both ways."""

import hashlib
import json
import re
import subprocess
from urllib.parse import quote

import harness
import jsonschema
import pytest
from server import server

JOB = {"runtime": "python", "files": [{"name": "main.py", "content": "print(input())"}], "stdin": "walked"}
BLOB = b"a blob\n" * 100
SHA = hashlib.sha256(BLOB).hexdigest()


class Walk:
    """Calls, and compares request and answer with what the document says of them."""

    def __init__(self, one, key):
        self.one, self.key = one, key
        self.document = one.get("/openapi.json").json
        self.called = set()

    def check(self, schema, value):
        schema = {**schema, "components": self.document["components"]}
        faults = [f"{list(e.path)}: {e.message}" for e in jsonschema.Draft202012Validator(schema).iter_errors(value)]
        assert not faults, (faults[:5], value)

    def resolve(self, thing):
        if "$ref" not in thing:
            return thing
        value = self.document
        for part in thing["$ref"].removeprefix("#/").split("/"):
            value = value[part]
        return value

    def call(self, method, template, status, body=None, headers=None, **names):
        path = template
        for name, value in names.items():
            path = path.replace("{" + name + "}", quote(value))
        operation = self.document["paths"][template][method.lower()]
        if body is not None and not isinstance(body, bytes):
            self.check(operation["requestBody"]["content"]["application/json"]["schema"], body)
        elif body is not None:
            assert list(operation["requestBody"]["content"]) == ["application/octet-stream"]
            headers = {"Content-Type": "application/octet-stream", **(headers or {})}
        answer = self.one.request(method, path, body, key=self.key, headers=headers)
        assert answer.status == status, (method, path, answer.status, answer.text)
        said = operation["responses"].get(str(status)) or operation["responses"]["default"]
        content = self.resolve(said).get("content", {})
        media = (answer.headers["Content-Type"] or "").split(";")[0]
        if not content:
            assert not answer.raw
        else:
            assert media in content, (method, path, media)
            schema = content[media].get("schema", {})
            if media.endswith("json") and media != "application/x-ndjson":
                self.check(schema, answer.json)
            elif media == "application/x-ndjson":
                for line in answer.text.splitlines():
                    self.check({"$ref": "#/components/schemas/BatchLine"}, json.loads(line))
        self.called.add((method.lower(), template))
        return answer

    def missing(self):
        verbs = {"get", "post", "put", "delete", "head"}
        return {(m, p) for p, item in self.document["paths"].items() for m in item if m in verbs} - self.called


@pytest.fixture
def walk():
    with server() as one:
        made = subprocess.run(
            [harness.RETORT, "key", "create", "--name", "walker", "--scope", "run,read,manage", "--json", "--set", f"server.state={one.state}"],
            capture_output=True, text=True, env=harness.environment(), timeout=harness.PATIENCE,
        )  # fmt: skip
        assert made.returncode == 0, made
        yield Walk(one, re.search(r"retort_[a-z2-7]{12}_[\w-]{43}", made.stdout).group(0))


@pytest.mark.root
def test_every_operation_keeps_to_the_document(walk):
    call = walk.call
    call("GET", "/health", 200)
    call("GET", "/metrics", 200)
    call("GET", "/openapi.json", 200)

    for runtime in call("GET", "/v1/runtimes", 200).json["runtimes"]:
        call("GET", "/v1/runtimes/{id}", 200, id=runtime["id"])
    call("GET", "/v1/runtimes/{id}", 404, id="none")

    assert call("POST", "/v1/run", 200, JOB).json["stages"][0]["stdout"] == "walked\n"
    tests = [{"name": "a", "stdin": "1", "expected_stdout": "1"}, {"stdin": "2", "expected_stdout": "3"}]
    job = {name: value for name, value in JOB.items() if name != "stdin"} | {"tests": tests}
    assert call("POST", "/v1/run", 200, job).json["status"] == "wrong_answer"
    failing = JOB | {"files": [{"content": "import sys; sys.stdout.buffer.write(b'\\xff'); open('o','w').write('x'); sys.exit(1)"}], "collect": ["o"]}
    call("POST", "/v1/run", 200, failing)
    call("POST", "/v1/run", 200, JOB | {"runtime": "cpp", "files": [{"content": "no"}]})
    call("POST", "/v1/run", 200, JOB | {"runtime": "cpp", "files": [{"content": "int main(){}"}]})

    call("PUT", "/v1/blobs/{sha256}", 201, BLOB, sha256=SHA)
    call("PUT", "/v1/blobs/{sha256}", 422, b"another", sha256=SHA)
    assert call("GET", "/v1/blobs/{sha256}", 200, sha256=SHA).raw == BLOB
    call("HEAD", "/v1/blobs/{sha256}", 200, sha256=SHA)
    assert call("POST", "/v1/run", 200, JOB | {"stdin": {"blob": SHA}}).json["stages"][0]["stdout"] == "a blob\n"
    call("DELETE", "/v1/blobs/{sha256}", 204, sha256=SHA)
    call("GET", "/v1/blobs/{sha256}", 404, sha256=SHA)
    call("POST", "/v1/run", 422, JOB | {"stdin": {"blob": SHA}})

    accepted = call("POST", "/v1/jobs", 202, JOB, headers={"Idempotency-Key": "walk-1"}).json
    again = call("POST", "/v1/jobs", 202, JOB, headers={"Idempotency-Key": "walk-1"}).json
    assert accepted["id"] == again["id"]
    call("POST", "/v1/jobs", 409, JOB | {"stdin": "other"}, headers={"Idempotency-Key": "walk-1"})
    events = call("GET", "/v1/jobs/{id}/events", 200, id=accepted["id"]).text
    walk.check({"$ref": "#/components/schemas/Job"}, walk.call("GET", "/v1/jobs/{id}", 200, id=accepted["id"]).json)
    assert "walked" in events
    call("GET", "/v1/jobs", 200)
    call("DELETE", "/v1/jobs/{id}", 204, id=accepted["id"])
    call("GET", "/v1/jobs/{id}", 404, id="no-such-job")

    lines = call("POST", "/v1/batches", 200, {"jobs": [JOB, JOB | {"stdin": "second"}]}).text.splitlines()
    assert sorted(json.loads(line)["index"] for line in lines) == [0, 1]

    made = call("POST", "/v1/keys", 201, {"name": "second", "scopes": ["read"]}).json
    call("GET", "/v1/keys", 200)
    call("GET", "/v1/keys/{id}", 200, id=made["key"]["id"])
    call("DELETE", "/v1/keys/{id}", 204, id=made["key"]["id"])
    call("GET", "/v1/audit", 200)
    call("GET", "/v1/interactive", 426)

    call("POST", "/v1/run", 400, JOB | {"runtime": "nothing"})
    assert not walk.missing()
