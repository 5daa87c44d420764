"""What wants another kernel or another first process: control groups v2 and systemd, each in a virtual machine."""

import re
import shutil
import subprocess

import pytest
from harness import BIN, REPOSITORY, need

pytestmark = [pytest.mark.root, pytest.mark.vm]

VM = REPOSITORY / "tests/vm"
SECONDS = 900


def checks_of(script):
    return re.findall(r"^check (\S+)", (VM / script).read_text(), re.M)


def run_in_guest(script, *options):
    """What the guest said of each check of the script."""
    for tool in ("qemu-system-x86_64", "busybox"):
        need(shutil.which(tool), f"{tool} is not installed")
    # The guest has a /tmp of its own: the folder that is handed out brings the binaries, wherever they are.
    out = REPOSITORY / "build/guest-e2e"
    out.mkdir(parents=True, exist_ok=True)
    for name in ("retort", "retort-keeper", "retort-init", "retort-attacks"):
        shutil.copy(BIN / name, out)
    try:
        done = subprocess.run(
            [VM / "run-in-guest", "-t", str(SECONDS), "-o", out, *options, "--",
             "env", f"RETORT_RUNTIMES={REPOSITORY / 'runtimes'}", VM / script, out],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS + 120, check=False,
        )  # fmt: skip
    finally:
        shutil.rmtree(out)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return dict(re.findall(r"^(?:ok|FAIL) (\S+?)(?:: |$)(.*)$", done.stdout, re.M)), done


def holds(check, results):
    said, done = results
    assert check in said, f"the guest said nothing of it: {done.stdout}{done.stderr}"
    assert f"ok {check}\n" in done.stdout, f"{said[check]}\n{done.stderr}"


@pytest.fixture(scope="module")
def groups_v2():
    return run_in_guest("test-in-guest")


@pytest.fixture(scope="module")
def with_systemd():
    need(shutil.which("systemd-analyze"), "systemd is not installed")
    results = run_in_guest("test-systemd-in-guest", "-s", "-c", "2")
    print("\n".join(re.findall("^exposure of .*", results[1].stdout, re.M)))
    return results


@pytest.mark.parametrize("check", checks_of("test-in-guest"))
def test_it_holds_on_control_groups_v2(check, groups_v2):
    holds(check, groups_v2)


@pytest.mark.parametrize("check", checks_of("test-systemd-in-guest"))
def test_the_units_hold_under_systemd(check, with_systemd):
    holds(check, with_systemd)
