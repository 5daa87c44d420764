"""Fixtures of all end-to-end tests: what a test needs, and that it leaves nothing behind."""

import harness
import pytest


def pytest_runtest_setup(item):
    if item.get_closest_marker("root"):
        harness.need(harness.IS_ROOT, "only root may make control groups and look at all processes")


@pytest.fixture(autouse=True)
def leaves_nothing(request):
    """No process, folder or control group remains that was not there before. A server that several tests share
    (the fixture `one`) is looked after at its own end."""
    if "one" in request.fixturenames:
        yield
        return
    before = set(harness.leftovers())
    yield
    left = harness.what_is_left(before)
    assert not left, f"left behind: {left}"


@pytest.fixture
def source(tmp_path):
    """Writes one program into the test's folder and gives its path: source("a.py", "print(1)")."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def python(source):
    """A Python program's path, from its text."""
    return lambda text, name="main.py": source(name, text)


@pytest.fixture
def manifests(source, tmp_path):
    """A folder of manifests for RETORT_RUNTIMES: manifests(id=text, ...) gives the environment to pass."""

    def write(**texts):
        for name, text in texts.items():
            source(f"runtimes/{name}/runtime.toml", text)
        return {"RETORT_RUNTIMES": tmp_path / "runtimes"}

    return write
