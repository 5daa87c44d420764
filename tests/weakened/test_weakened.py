"""Every defence is needed: with one taken away, the attacks that SECURITY.md names for it get through.

The programs are those of the preset `weak` (src/base/weaken.h), which `./dev test weakened` builds.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEAK = Path(os.environ.get("RETORT_WEAK_BIN", ROOT / "build/weak/bin"))


def rows_of_the_table():
    """SECURITY.md's table: | switches | what they take away | the attacks that get through |."""
    text = (ROOT / "SECURITY.md").read_text()
    return re.findall(r"^\| `([a-z-]+[a-z:,-]*)` \| (.+?) \| ((?:[A-Z]\d\d[a-z]?(?:, )?)+) \|$", text, re.MULTILINE)


ROWS = rows_of_the_table()


def switches_in_the_source():
    found = set()
    for path in (ROOT / "src").rglob("*.cc"):
        text = path.read_text()
        found |= set(re.findall(r'weakened\("([a-z:-]+)"\)', text)) | set(re.findall(r'"(rlimit:[a-z-]+)"', text))
    relaxations = (ROOT / "src/cell/filter_relaxations.cc").read_text()
    return found | {f"filter:{name}" for name in re.findall(r'^    \{"([a-z-]+)",', relaxations, re.MULTILINE)}


@pytest.fixture(autouse=True)
def no_ipc_left():
    """Without its IPC namespace a cell leaves its objects on the host."""
    yield
    for kind, column in (("msg", 7), ("sem", 4), ("shm", 7)):
        for line in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:]:
            words = line.split()
            if int(words[column]) >= 0x70000000:
                subprocess.run(["ipcrm", {"msg": "-q", "sem": "-s", "shm": "-m"}[kind], words[1]], check=False)


def fallen(switches, attacks):
    """The attacks that get through without these defences, with their faults."""
    command = [WEAK / "retort", "selftest", "--json", "--no-neighbour", *attacks]
    environment = {**os.environ, "RETORT_WEAKEN": switches}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode in (0, 1), ended.stderr
    return {case["id"]: case["faults"] for case in json.loads(ended.stdout)["cases"] if not case["held"]}


def test_the_table_has_every_switch_of_the_source():
    named = {switch for switches, _, _ in ROWS for switch in switches.split(",")}
    assert named == switches_in_the_source()


def test_with_every_defence_in_place_nothing_gets_through():
    attacks = sorted({attack for _, _, attacks in ROWS for attack in attacks.split(", ")})
    assert fallen("", attacks) == {}


@pytest.mark.parametrize("switches,attacks", [(row[0], row[2].split(", ")) for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_defence_is_needed(switches, attacks):
    if switches == "limit:swap" and len(Path("/proc/swaps").read_text().splitlines()) < 2:
        pytest.skip("this host has no swap, so none can be held back")
    assert sorted(fallen(switches, attacks)) == sorted(attacks)
