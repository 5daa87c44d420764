"""Control groups v2: the checks of tests/vm/test-in-guest, in a virtual machine with Debian's kernel."""

import re
import shutil
import subprocess

import pytest
from harness import BIN, REPOSITORY, need

pytestmark = [pytest.mark.root, pytest.mark.vm]

VM = REPOSITORY / "tests/vm"
SECONDS = 900
CHECKS = re.findall(r"^check (\S+)", (VM / "test-in-guest").read_text(), re.M)


@pytest.fixture(scope="module")
def results():
    """What the guest said of each check; it is booted once for all of them."""
    for tool in ("qemu-system-x86_64", "busybox"):
        need(shutil.which(tool), f"{tool} is not installed")
    # The guest has a /tmp of its own: the folder that is handed out brings the binaries, wherever they are.
    out = REPOSITORY / "build/guest-e2e"
    out.mkdir(parents=True, exist_ok=True)
    for name in ("retort", "retort-keeper", "retort-init"):
        shutil.copy(BIN / name, out)
    try:
        done = subprocess.run(
            [VM / "run-in-guest", "-t", str(SECONDS), "-o", out, "--",
             "env", f"RETORT_RUNTIMES={REPOSITORY / 'runtimes'}", VM / "test-in-guest", out],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS + 120, check=False,
        )  # fmt: skip
    finally:
        shutil.rmtree(out)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return dict(re.findall(r"^(?:ok|FAIL) (\S+?)(?:: |$)(.*)$", done.stdout, re.M)), done


@pytest.mark.parametrize("check", CHECKS)
def test_it_holds_on_control_groups_v2(check, results):
    said, done = results
    assert check in said, f"the guest said nothing of it: {done.stdout}{done.stderr}"
    assert f"ok {check}\n" in done.stdout, said[check]
