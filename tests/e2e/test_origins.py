"""Web pages of other sites: those that are listed may call and read the answers (CORS), others neither (P19 of the attacks)."""

import hashlib
import http.client
import json
from urllib.parse import urlsplit

import pytest
from jobs import job, make_key, result, serve

PAGE = "https://school.example"
EVIL = ["https://evil.example", "https://school.example.evil", "http://school.example", "https://school.example:8443", "null"]


@pytest.fixture(scope="module")
def one():
    with serve(server_require_keys=True, server_allowed_origins=f"https://first.example,{PAGE}") as running:
        yield running


@pytest.fixture(scope="module")
def key(one):
    return make_key(one, "page")


def cors(answer):
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("access-control-")}


def from_page(one, method, path, body=None, origin=PAGE, **more):
    headers = {"Origin": origin} | more.pop("headers", {})
    return one.request(method, path, body, headers=headers, **more)


def preflight(one, path, method, origin=PAGE, headers="authorization,content-type"):
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return from_page(one, "OPTIONS", path, origin=origin, headers=asked)


def words(answer, header):
    return {word.strip().lower() for word in answer.headers[header].split(",")}


@pytest.mark.parametrize(
    "path, method",
    [("/v1/run", "POST"), ("/v1/jobs", "POST"), ("/v1/jobs/x", "DELETE"), ("/v1/jobs/x/events", "GET"), ("/v1/blobs/" + "0" * 64, "PUT")],
)
def test_a_browser_that_asks_first_is_told_what_its_page_may_send_and_needs_no_key(one, path, method):
    answer = preflight(one, path, method)
    assert (answer.status, answer.raw) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert method.lower() in words(answer, "Access-Control-Allow-Methods")
    assert {"authorization", "content-type", "idempotency-key"} <= words(answer, "Access-Control-Allow-Headers")
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert answer.headers["Vary"] == "Origin"
    assert "access-control-allow-credentials" not in cors(answer)


def test_methods_are_those_of_the_path_and_there_is_nothing_where_there_is_no_path(one):
    assert words(preflight(one, "/v1/run", "DELETE"), "Access-Control-Allow-Methods") == {"post"}
    assert preflight(one, "/v1/nothing", "GET").status == 404


def readable(answer):
    assert cors(answer) == {
        "access-control-allow-origin": PAGE,
        "access-control-expose-headers": answer.headers["Access-Control-Expose-Headers"],
    }
    assert {"retry-after", "location"} <= words(answer, "Access-Control-Expose-Headers")
    assert answer.headers["Vary"] == "Origin"
    return answer


def test_a_listed_page_reads_every_answer_and_problem(one, key):
    assert readable(from_page(one, "POST", "/v1/run", job(), key=key)).json["status"] == "ok"
    # What is not one piece: lines, events, bytes.
    batch = readable(from_page(one, "POST", "/v1/batches", {"jobs": [job(), job()]}, key=key))
    assert len(batch.text.splitlines()) == 2
    stored = readable(from_page(one, "POST", "/v1/jobs", job(), key=key))
    path = stored.headers["Location"]
    assert result(one, stored.json["id"], key=key)["result"]["status"] == "ok"
    assert "event: result" in readable(from_page(one, "GET", path + "/events", key=key)).text
    blob = b"a blob"
    path = "/v1/blobs/" + hashlib.sha256(blob).hexdigest()
    assert readable(from_page(one, "PUT", path, blob, key=key, headers={"Content-Type": "application/octet-stream"})).status == 201
    assert readable(from_page(one, "GET", path, key=key)).raw == blob
    assert readable(from_page(one, "DELETE", path, key=key)).status == 204
    # Problems, of every place that makes them.
    for method, path, body, more, status in [
        ("POST", "/v1/run", job(), {}, 401),
        ("POST", "/v1/run", "{", {"key": key, "headers": {"Content-Type": "application/json"}}, 400),
        ("GET", "/v1/keys", None, {"key": key}, 403),
        ("GET", "/v1/nothing", None, {"key": key}, 404),
        ("DELETE", "/v1/run", None, {"key": key}, 405),
        ("GET", "/v1/interactive", None, {"key": key}, 426),
    ]:
        assert readable(from_page(one, method, path, body, **more)).status == status


@pytest.mark.parametrize("origin", EVIL)
def test_to_others_nothing_of_it_is_said_and_they_are_refused(one, key, origin):
    for answer in (
        preflight(one, "/v1/run", "POST", origin=origin),
        from_page(one, "POST", "/v1/run", job(), key=key, origin=origin),
        from_page(one, "GET", "/health", origin=origin),
    ):
        assert (answer.status, answer.json["code"]) == (403, "origin_not_allowed")
        assert not cors(answer)
    # Nor to who is no page, though caches must know that the answer depends on it.
    answer = one.get("/health")
    assert not cors(answer) and answer.headers["Vary"] == "Origin"


def test_where_no_origin_is_listed_nothing_of_it_is_said_at_all():
    with serve() as running:
        assert running.get("/health").headers["Vary"] is None
        assert preflight(running, "/v1/run", "POST").status == 403
        # The server's own address is no other site, and its pages need not ask.
        own = preflight(running, "/v1/run", "POST", origin=running.url)
        assert (own.status, own.json["code"]) == (405, "method_not_allowed") and not cors(own)
        options = running.request("OPTIONS", "/v1/run")
        assert options.status == 405 and options.headers["Allow"] == "POST"


def test_any_page_is_named_where_all_are_listed_and_none_with_its_cookies():
    with serve(server_require_keys=True, server_allowed_origins="*") as running:
        for origin in ("https://a.example", "https://b.example"):
            for answer in (preflight(running, "/v1/run", "POST", origin=origin), from_page(running, "GET", "/health", origin=origin)):
                assert answer.headers["Access-Control-Allow-Origin"] == origin and answer.headers["Vary"] == "Origin"
                assert "access-control-allow-credentials" not in cors(answer)


def test_preflights_and_answers_share_a_connection(one, key):
    connection = http.client.HTTPConnection(urlsplit(one.url).netloc, timeout=30)
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    for _ in range(3):
        connection.request("OPTIONS", "/v1/run", headers=asked)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (204, b"")
        headers = {"Origin": PAGE, "Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/run", json.dumps(job()), headers)
        answer = connection.getresponse()
        assert answer.status == 200 and json.loads(answer.read())["status"] == "ok"
    connection.close()
