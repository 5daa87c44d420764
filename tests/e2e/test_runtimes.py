"""retort runtime: ls, info and test, and manifests that are wrong."""

import json

import pytest
from harness import need, retort

SUMMARY = {
    "id": str, "name": str, "version": (str, type(None)), "aliases": list, "extensions": list, "image": str,
    "available": bool, "reason": str,
}  # fmt: skip

GOOD = """
id = "zed"
name = "Zed"
aliases = ["zz"]
extensions = ["z"]
needs = ["/usr/bin/env", "/usr/bin/no-such-zed"]
packages = ["zed-compiler", "zed-runtime"]
version_command = ["/usr/bin/env", "--version"]
main = "main.z"
[run]
command = ["/usr/bin/no-such-zed", "{main}"]
"""


@pytest.fixture(scope="module")
def listed():
    ended = retort("runtime", "ls", "--json")
    assert (ended.code, ended.err) == (0, "")
    return {entry["id"]: entry for entry in json.loads(ended.out)}


def test_the_list_as_json_has_every_runtime_with_every_field(listed):
    assert set(listed) >= {"bash", "c", "cpp", "java", "javascript", "perl", "python"}
    for entry in listed.values():
        assert set(entry) == set(SUMMARY)
        for field, kind in SUMMARY.items():
            assert isinstance(entry[field], kind), field
        assert entry["available"] == (entry["reason"] == "")
        if entry["available"]:
            assert entry["version"][0].isdigit()


def test_the_list_for_people_has_a_line_for_each_runtime(listed):
    lines = retort("runtime", "ls").out.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", *sorted(listed)]
    for line in lines[1:]:
        entry = listed[line.split()[0]]
        assert entry["name"] in line
        assert ("available" in line) == entry["available"]


def test_info_as_json_has_what_the_list_has_and_more(listed):
    for runtime, entry in listed.items():
        info = json.loads(retort("runtime", "info", runtime, "--json").out)
        assert {field: info[field] for field in SUMMARY} == entry
        assert info["run"]["command"]
        assert set(info["run"]["limits"]) >= {"cpu_time", "wall_time", "memory", "processes", "output", "network"}
        assert info["samples"]
        assert (info["compile"] is not None) == (runtime in ("c", "cpp", "java"))


def test_info_for_people_shows_version_commands_and_limits(listed):
    text = retort("runtime", "info", "cpp").out
    assert (listed["cpp"]["version"] or "unknown") in text
    for word in ("C++", "/usr/bin/g++", "compile", "run", "cpu_time", "30s", "runtime.toml"):
        assert word in text


@pytest.mark.parametrize("alias", ["c++", "C++", "CPP", "g++"])
def test_a_runtime_is_found_by_its_aliases_in_any_case(alias):
    assert json.loads(retort("runtime", "info", alias, "--json").out)["id"] == "cpp"


@pytest.mark.parametrize("command", ["info", "test"])
def test_an_unknown_runtime_is_64_with_those_that_are_known(command):
    ended = retort("runtime", command, "cobol")
    assert (ended.code, ended.out) == (64, "")
    assert "cobol" in ended.err
    assert "python" in ended.err


@pytest.mark.root
@pytest.mark.parametrize("runtime", ["bash", "c", "cpp", "java", "javascript", "perl", "python"])
def test_the_samples_of_a_runtime_pass(runtime, listed):
    need(listed[runtime]["available"], f"{runtime}: {listed[runtime]['reason']}")
    ended = retort("runtime", "test", runtime, timeout=120)
    assert ended.code == 0, ended.out + ended.err
    lines = ended.out.splitlines()
    assert lines[-1] == f"{len(lines) - 1} passed, 0 failed, 0 skipped"
    assert len(lines) > 3


@pytest.mark.root
def test_a_sample_that_does_not_hold_fails_the_test_and_says_how(manifests, source):
    env = manifests(
        zed=GOOD.replace(', "/usr/bin/no-such-zed"]', "]").replace("/usr/bin/no-such-zed", "/usr/bin/cat")
        + '[[sample]]\nname = "a lie"\nfiles = ["samples/a.z"]\nstdout = "something else"\n'
        + '[[sample]]\nname = "the truth"\nfiles = ["samples/a.z"]\nstdout = "content"\n'
    )
    source("runtimes/zed/samples/a.z", "content")
    ended = retort("runtime", "test", "zed", env=env)
    assert ended.code == 1
    assert "FAIL  zed: a lie" in ended.out
    assert '"content", expected "something else"' in ended.out
    assert "ok    zed: the truth" in ended.out
    assert "1 passed, 1 failed, 0 skipped" in ended.out


def test_a_runtime_whose_command_is_missing_is_listed_with_reason_and_packages(manifests):
    env = manifests(zed=GOOD)
    (entry,) = json.loads(retort("runtime", "ls", "--json", env=env).out)
    assert (entry["available"], entry["version"]) == (False, None)
    assert entry["reason"] == "needs /usr/bin/no-such-zed: apt-get install zed-compiler zed-runtime"
    assert entry["reason"] in retort("runtime", "ls", env=env).out
    assert entry["reason"] in retort("runtime", "info", "zed", env=env).out
    ended = retort("runtime", "test", "zed", env=env)
    assert ended.code == 125
    assert entry["reason"] in ended.err


BROKEN = """id = "zee"
name = 5
extensions = [".z"]
needs = ["relative/path"]
version_command = ["/usr/bin/env"]
main = "main.q"
colour = "red"
[run]
command = ["zed", "{sorces}"]
[run.limits]
memory = "5"
processes = 0
"""
FAULTS = [
    (1, "id"), (2, "name"), (3, "extensions[0]"), (4, "needs[0]"), (7, "colour"), (9, "run.command[0]"),
    (9, "run.command[1]"), (11, "run.limits.memory"), (12, "run.limits.processes"),
]  # fmt: skip
SOUND = GOOD.replace("no-such-zed", "cat").replace('"zed"', '"cat"').replace('"zz"', '"meow"').replace('"z"', '"cat"')
SOUND = SOUND.replace("main.z", "main.cat")


def test_a_broken_manifest_is_listed_with_all_its_faults_and_the_others_work(manifests, tmp_path):
    env = manifests(zed=BROKEN, alpha="id = ", cat=SOUND)
    alpha, cat, zed = json.loads(retort("runtime", "ls", "--json", env=env).out)
    assert (cat["id"], cat["available"], cat["reason"]) == ("cat", True, "")
    assert (alpha["id"], alpha["available"], zed["id"], zed["available"]) == ("alpha", False, "zed", False)
    file = tmp_path / "runtimes/zed/runtime.toml"
    for line, key in FAULTS:
        assert any(told.startswith(f"{file}:{line}:") and f": {key}: " in told for told in zed["reason"].splitlines()), key
    assert alpha["reason"].startswith(f"{tmp_path}/runtimes/alpha/runtime.toml:1:")
    ended = retort("runtime", "ls", env=env)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert any(line.startswith("zed ") and line.endswith("broken:") for line in lines)
    for fault in zed["reason"].splitlines():
        assert f"    {fault}" in lines


def test_info_of_a_broken_manifest_says_what_is_wrong_and_nothing_that_is_not_known(manifests):
    env = manifests(zed=BROKEN)
    text = retort("runtime", "info", "zed", env=env).out
    assert "broken:" in text
    assert "run.command[0]" in text
    assert "cpu_time" not in text
    info = json.loads(retort("runtime", "info", "zed", "--json", env=env).out)
    assert (info["available"], info["run"], info["compile"]) == (False, None, None)


@pytest.mark.root
def test_a_broken_manifest_stops_its_own_runs_alone(manifests, source, tmp_path):
    env = manifests(zed=BROKEN, cat=SOUND)
    assert retort("run", source("main.cat", "meow"), env=env).out == "meow"
    ended = retort("run", "-l", "zed", source("main.z", "x"), env=env)
    assert (ended.code, ended.out) == (125, "")
    for line, key in FAULTS:
        assert any(f"runtime.toml:{line}:" in told and key in told for told in ended.err.splitlines()), key
    ended = retort("run", tmp_path / "main.z", env=env)
    assert ended.code == 64
    assert "broken are zed" in ended.err


@pytest.mark.root
def test_a_broken_manifest_fails_the_test_of_its_runtime_and_of_all(manifests):
    env = manifests(zed=BROKEN, cat=SOUND)
    for words in (["zed"], []):
        ended = retort("runtime", "test", *words, env=env)
        assert ended.code == 1
        assert "FAIL  zed: broken:" in ended.out
        assert "run.command[0]" in ended.out
        assert "0 passed, 1 failed, 0 skipped" in ended.out


def test_of_two_runtimes_of_one_name_the_first_works_and_the_other_names_both_files(manifests, tmp_path):
    env = manifests(cat=SOUND, dog=SOUND.replace('id = "cat"', 'id = "dog"'))
    cat, dog = json.loads(retort("runtime", "ls", "--json", env=env).out)
    assert (cat["available"], dog["available"]) == (True, False)
    for word in ("'meow'", "'cat'", f"{tmp_path}/runtimes/cat/runtime.toml", f"{tmp_path}/runtimes/dog/runtime.toml"):
        assert word in dog["reason"]
    assert json.loads(retort("runtime", "info", "meow", "--json", env=env).out)["id"] == "cat"


def test_a_folder_of_runtimes_that_is_not_there_is_told():
    ended = retort("runtime", "ls", env={"RETORT_RUNTIMES": "/nowhere/runtimes"})
    assert ended.code == 125
    assert "/nowhere/runtimes" in ended.err


def test_several_folders_of_runtimes_are_put_together(manifests, source, tmp_path):
    manifests(zed=GOOD)
    other = GOOD.replace('"zed"', '"other"').replace('"zz"', '"oo"').replace('"z"', '"o"').replace("main.z", "main.o")
    source("more/other/runtime.toml", other)
    env = {"RETORT_RUNTIMES": f"{tmp_path / 'runtimes'}:{tmp_path / 'more'}"}
    assert [entry["id"] for entry in json.loads(retort("runtime", "ls", "--json", env=env).out)] == ["other", "zed"]
