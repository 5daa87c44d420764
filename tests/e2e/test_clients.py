"""Clients that others wrote: curl, Node's fetch, wrk."""

import json
import re
import subprocess

import harness
import pytest
from server import server

BODY = {"runtime": "python", "files": [{"content": "print(input()[::-1])"}], "stdin": "retort"}


@pytest.fixture(scope="module")
def one():
    with server(**{"rate_anonymous.requests": "none", "rate_anonymous.parallel": "none"}) as running:
        yield running


def run(*command, stdin=None):
    ended = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=harness.PATIENCE)
    assert ended.returncode == 0, ended
    return ended.stdout


def test_curl(one):
    answer = run("curl", "-sS", "--fail", "-H", "Content-Type: application/json", "--data", "@-", one.url + "/v1/run", stdin=json.dumps(BODY))
    assert json.loads(answer)["stages"][0]["stdout"] == "troter\n"


def test_curl_sends_a_chunked_body(one):
    answer = run(
        "curl", "-sS", "--fail", "-H", "Content-Type: application/json", "-H", "Transfer-Encoding: chunked",
        "--data", "@-", one.url + "/v1/run", stdin=json.dumps(BODY),
    )  # fmt: skip
    assert json.loads(answer)["status"] == "ok"


def test_fetch_of_node(one, tmp_path):
    script = tmp_path / "client.mjs"
    script.write_text(
        f"""
const body = {json.dumps(BODY)};
const send = async (nonce) => {{
  const answer = await fetch("{one.url}/v1/run", {{
    method: "POST",
    headers: {{"Content-Type": "application/json"}},
    body: JSON.stringify({{...body, stdin: nonce}}),
  }});
  const result = await answer.json();
  return answer.status === 200 && result.stages[0].stdout === [...nonce].reverse().join("") + "\\n";
}};
const right = await Promise.all(Array.from({{length: 40}}, (_, i) => send("nonce" + i)));
const gone = new AbortController();
const late = fetch("{one.url}/v1/run", {{
  method: "POST", signal: gone.signal, headers: {{"Content-Type": "application/json"}},
  body: JSON.stringify({{...body, files: [{{content: "while 1: pass"}}]}}),
}}).catch((error) => error.name);
setTimeout(() => gone.abort(), 200);
console.log(right.filter(Boolean).length, await late);
"""
    )
    assert run("node", str(script)).split() == ["40", "AbortError"]


@pytest.mark.parametrize("path", ["/v1/run", "/health"])
def test_wrk(one, tmp_path, path):
    script = tmp_path / "post.lua"
    post = f"wrk.method = 'POST'\nwrk.body = [[{json.dumps(BODY)}]]\nwrk.headers['Content-Type'] = 'application/json'\n"
    script.write_text(post if path == "/v1/run" else "")
    report = run("wrk", "-t1", "-c16", "-d3s", "--timeout", "30s", "-s", str(script), one.url + path)
    assert re.search(r"^\s+[1-9]\d* requests in", report, re.M), report
    assert "Non-2xx" not in report and "Socket errors" not in report, report
