"""docs/api.md: every command in it is run as it stands, and its answer has the status and the shape that the page shows."""

import json
import re
import subprocess
from dataclasses import dataclass

import harness
import pytest
from server import make_key, server

pytestmark = pytest.mark.root

PAGE = harness.REPOSITORY / "docs/api.md"
OPENAPI = json.loads((harness.REPOSITORY / "src/api/openapi.json").read_text())
REST = "…"  # stands for what is left out


@dataclass
class Example:
    heading: str
    command: str
    kind: str
    status: int
    answer: str

    def __str__(self):
        return self.heading


def read_page():
    """The examples of the page, in their order."""
    text = PAGE.read_text()
    pattern = r"^### (?P<heading>[^\n]+)$|^```sh\n(?P<command>.*?)^```\n+```(?P<kind>\w+) (?P<status>\d+)\n(?P<answer>.*?)^```$"
    heading, examples = None, []
    for found in re.finditer(pattern, text, re.M | re.S):
        if found["heading"]:
            heading = found["heading"]
            continue
        examples.append(Example(heading, found["command"], found["kind"], int(found["status"]), found["answer"]))
    assert len(examples) == text.count("```sh\n"), "a command has no answer behind it"
    return examples


EXAMPLES = read_page()


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The answers of all examples: one shell runs them, since later ones use what earlier ones made."""
    folder = tmp_path_factory.mktemp("docs")
    # What a reader does not see: the head of each answer, and where it begins.
    script = ["curl() { command curl --include --max-time 60 \"$@\"; }"]
    for number, example in enumerate(EXAMPLES):
        script += [f"printf '\\n@@@ {number}\\n'", example.command]
    with server(**{"rate_anonymous.requests": 100_000, "rate_anonymous.burst": 1000}) as one:
        env = harness.environment(RETORT=one.url, RETORT_KEY=make_key(one.state, "run,read,manage"))
        ended = subprocess.run(
            ["bash", "-u"], input="\n".join(script).encode(), capture_output=True, cwd=folder, env=env, timeout=300
        )
    parts = re.split(rb"\n@@@ \d+\n", ended.stdout)[1:]
    assert len(parts) == len(EXAMPLES), ended.stderr
    return [split_answer(part, ended.stderr) for part in parts]


def split_answer(raw, errors):
    """Status and body of what curl --include printed."""
    head, body = b"", raw
    while body.startswith(b"HTTP/1.1 "):  # after a 100 (Continue) comes another
        head, _, body = body.partition(b"\r\n\r\n")
    assert head, errors
    return int(head.split()[1]), body.decode()


def differences(shown, real, place=""):
    """Where the real answer has not the names that the page shows, or values of another kind."""
    if shown == REST:
        return []
    if isinstance(shown, dict) and isinstance(real, dict):
        names = set(shown) - {REST}
        wrong = [f"{place}/{name} is not there" for name in names - set(real)]
        if REST not in shown:
            wrong += [f"{place}/{name} is not shown" for name in set(real) - names]
        return wrong + [w for name in names & set(real) for w in differences(shown[name], real[name], f"{place}/{name}")]
    if isinstance(shown, list) and isinstance(real, list):
        wrong = [] if REST in shown or len(shown) == len(real) else [f"{place} has {len(real)} elements"]
        pairs = zip((element for element in shown if element != REST), real)
        return wrong + [w for i, pair in enumerate(pairs) for w in differences(*pair, f"{place}/{i}")]
    # What may be null is null in one place and not in another.
    if shown is None or real is None or isinstance(real, type(shown)):
        return []
    return [f"{place} is {real!r}, and not like {shown!r}"]


def events(text):
    """(event, data) of server-sent events; what is only there to keep the connection alive is passed over."""
    return re.findall(r"^event: (\w+)\n(?:id: .*\n)?data: (.*)$", text, re.M)


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=[str(example) for example in EXAMPLES])
def test_an_answer_has_the_status_and_the_shape_that_the_page_shows(number, answers):
    example, (status, body) = EXAMPLES[number], answers[number]
    path = example.heading.split()[1].split("/{")[0]
    missing = [e.heading for e, (_, b) in zip(EXAMPLES, answers) if f" {path}" in e.heading and "there is nothing at" in b]
    harness.need(not missing, f"the server has no {path}")
    assert status == example.status, body
    if example.kind == "json":
        shown, real = json.loads(example.answer), json.loads(body)
        assert not differences(shown, real)
        # Words that programs look at are those of the page.
        for name in ("status", "code", "state", "runtime", "name"):
            if isinstance(shown, dict) and name in shown and shown[name] != "queued":
                assert real[name] == shown[name]
    elif example.kind == "jsonl":
        shown, real = [[json.loads(line) for line in text.splitlines()] for text in (example.answer, body)]
        by_index = [sorted(lines, key=lambda line: line["index"]) for lines in (shown, real)]
        assert not differences(*by_index)
    elif example.kind == "events":
        shown, real = events(example.answer), events(body)
        assert real[-1][0] == shown[-1][0]
        kinds = {event: json.loads(data) for event, data in shown}
        for event, data in real:
            if event in kinds:
                assert not differences(kinds[event], json.loads(data))
    else:
        assert example.kind == "text"
        for line in example.answer.splitlines():
            assert line in body if line.startswith("#") else line.split()[0] in body
        assert bool(body.strip()) == bool(example.answer.strip())


def test_every_operation_is_on_the_page_and_no_other():
    operations = {f"{method.upper()} {path}" for path, ways in OPENAPI["paths"].items() for method in ways if method != "parameters"}
    assert {example.heading for example in EXAMPLES} == operations
