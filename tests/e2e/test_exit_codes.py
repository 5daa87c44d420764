"""retort run: how it ends, as a number, and what it says then."""

import signal
import subprocess

import pytest
from harness import RETORT, environment, retort, run, run_json

pytestmark = pytest.mark.root


@pytest.mark.parametrize("code", [0, 3, 64, 125, 255])
def test_the_programs_exit_code_is_retorts(code, python):
    ended = run(python(f"raise SystemExit({code})"))
    assert (ended.code, ended.err) == (code, "")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGSEGV", "SIGABRT", "SIGKILL", "SIGUSR1", "SIGRTMIN"])
def test_a_signal_is_128_and_its_number(name, python):
    program = python(f"import os, signal\nos.kill(os.getpid(), signal.{name})\nsignal.pause()")
    assert run(program).code == 128 + getattr(signal, name)


def test_too_much_cpu_time_is_124(python):
    ended = run("--limit", "cpu_time=200ms", "--limit", "extra_time=0s", python("while True: pass"))
    assert ended.code == 124
    assert "cpu_time" in ended.err
    assert "200ms" in ended.err


def test_too_much_wall_time_is_124(python):
    ended = run("--limit", "wall_time=200ms", python("import time\ntime.sleep(100)"))
    assert ended.code == 124
    assert "wall_time" in ended.err


def test_too_much_memory_is_137(python):
    ended = run("--limit", "memory=32MiB", python("data = bytearray(256 << 20)\nprint(len(data))"))
    assert (ended.code, ended.out) == (137, "")
    assert "memory" in ended.err


def test_too_much_output_is_153(python):
    ended = run("--limit", "output=10B", python("print('x' * 100)"))
    assert (ended.code, ended.raw) == (153, b"x" * 10)
    assert "output" in ended.err


def test_too_much_disk_is_153(python):
    ended = run("--limit", "disk=1MiB", python("open('big', 'wb').write(bytes(8 << 20))"))
    assert ended.code == 153
    assert "disk" in ended.err


MANIFEST = """
id = "{id}"
name = "Made up"
extensions = ["{id}"]
needs = ["{needs}"]
version_command = ["{needs}", "--version"]
packages = ["made-up-package"]
main = "main.{id}"
[run]
command = ["{command}"]
"""


def test_a_program_that_cannot_be_executed_is_125_and_a_start_error(manifests, source):
    env = manifests(zed=MANIFEST.format(id="zed", needs="/usr/bin/env", command="/usr/lib/os-release"))
    program = source("main.zed", "")
    ended = run(program, env=env)
    assert ended.code == 125
    assert "start_error" in ended.err
    result = run_json(program, env=env)
    assert (result["status"], result["stages"][-1]["exit_code"]) == ("start_error", None)


def test_a_runtime_that_is_not_available_is_125_with_the_way_to_get_it(manifests, source):
    env = manifests(zed=MANIFEST.format(id="zed", needs="/usr/bin/no-such-zed", command="/usr/bin/no-such-zed"))
    ended = run(source("main.zed", ""), env=env)
    assert ended.code == 125
    assert "/usr/bin/no-such-zed" in ended.err
    assert "apt-get install made-up-package" in ended.err


def test_an_unknown_runtime_is_64_with_those_that_are_known(python):
    ended = run("-l", "cobol", python(""))
    assert ended.code == 64
    assert "cobol" in ended.err
    assert "python" in ended.err


def test_a_misspelt_runtime_is_answered_with_the_nearest(python):
    assert "did you mean 'python'" in run("-l", "pyhton", python("")).err


def test_a_file_that_tells_no_language_is_64_with_the_way_out(source):
    ended = run(source("main.zzz", ""))
    assert ended.code == 64
    assert "main.zzz" in ended.err
    assert "name the language" in ended.err


@pytest.mark.parametrize("path", ["nowhere.py", "nowhere/main.py", "main.py/below.py", "x" * 300 + ".py", "loop.py"])
def test_a_source_file_that_is_not_there_is_64_with_its_name(path, python, tmp_path):
    python("print('ran')")
    (tmp_path / "loop.py").symlink_to("loop.py")
    ended = run(path, cwd=tmp_path)
    assert (ended.code, ended.out) == (64, "")
    assert path in ended.err


def test_a_host_that_has_no_keeper_is_125(python, tmp_path):
    """The program alone: what is missing beside it is not what the user typed."""
    (tmp_path / "retort").write_bytes(RETORT.read_bytes())
    (tmp_path / "retort").chmod(0o755)
    done = subprocess.run(
        [tmp_path / "retort", "run", python("print('ran')")],
        stdin=subprocess.DEVNULL, capture_output=True, env=environment(), timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (125, b"")
    assert b"retort-keeper" in done.stderr


WRONG = {
    "no command": ([], "subcommand"),
    "unknown command": (["fly"], "fly"),
    "misspelt command": (["rnu", "{file}"], "did you mean 'run'"),
    "unknown command of a command": (["runtime", "lss"], "did you mean 'ls'"),
    "no file": (["run"], "files"),
    "unknown option": (["run", "--bogus", "{file}"], "--bogus"),
    "option without its value": (["run", "{file}", "--limit"], "--limit"),
    "limit without a value": (["run", "--limit", "memory", "{file}"], "memory"),
    "unknown limit": (["run", "--limit", "memroy=1GiB", "{file}"], "memroy"),
    "unknown limit to go without": (["run", "--allow-unenforced", "memroy", "{file}"], "memroy"),
    "memory of 0": (["run", "--limit", "memory=0", "{file}"], "memory"),
    "memory of 0B": (["run", "--limit", "memory=0B", "{file}"], "4MiB"),
    "cpu_time of 0s": (["run", "--limit", "cpu_time=0s", "{file}"], "1ms"),
    "wall_time of 0s": (["run", "--limit", "wall_time=0s", "{file}"], "1ms"),
    "processes of 0": (["run", "--limit", "processes=0", "{file}"], "processes"),
    "size without a unit": (["run", "--limit", "memory=64", "{file}"], "unit"),
    "time without a unit": (["run", "--limit", "cpu_time=2", "{file}"], "unit"),
    "negative time": (["run", "--limit", "cpu_time=-2s", "{file}"], "cpu_time"),
    "count with a unit": (["run", "--limit", "processes=2s", "{file}"], "processes"),
    "overflow": (["run", "--limit", "memory=99999999999999999999GiB", "{file}"], "memory"),
    "empty language": (["run", "-l", "", "{file}"], "language"),
    "version without a language": (["run", "-l", "@3", "{file}"], "language"),
    "language without its version": (["run", "-l", "python@", "{file}"], "version"),
    "arguments for another command": (["runtime", "ls", "--", "x"], "--"),
    "empty file name": (["run", ""], ""),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_command_line_is_64_and_says_what_is_wrong(what, python):
    words, named = WRONG[what]
    program = str(python('print("ran")'))
    ended = retort(*[word.replace("{file}", program) for word in words])
    assert (ended.code, ended.out) == (64, ""), ended.err
    assert named in ended.err
    assert ended.err.strip()


def test_all_wrong_limits_are_named_at_once(python):
    ended = run("--limit", "memory=1B", "--limit", "colour=red", "--limit", "cpu_time=0s", python(""))
    assert ended.code == 64
    for word in ("memory", "colour", "cpu_time"):
        assert word in ended.err


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["runtime", "--help"], ["--version"]])
def test_help_and_version_are_no_mistake(words):
    ended = retort(*words)
    assert (ended.code, ended.err) == (0, "")
    assert "retort" in ended.out.lower()
