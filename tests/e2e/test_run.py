"""retort run: arguments, streams, limits and the result as JSON."""

import base64
import hashlib
import json
import os
import resource
import select
import subprocess

import pytest
from harness import HELLO, RETORT, environment, retort, run, run_json, start

pytestmark = pytest.mark.root

ECHO_ARGS = 'import sys\nfor word in sys.argv[1:]: print(repr(word))\n'


# --- Arguments and stdin ----------------------------------------------------------------------------------------------


def test_what_follows_two_dashes_is_the_programs(python):
    words = ["plain", "--json", "-l", "java", "--limit", "x=1", "--help", "", "two words", "--", "@file", "'\"$X", "ä"]
    ended = run(python(ECHO_ARGS), "--", *words)
    assert ended.out.splitlines() == [repr(word) for word in words], ended.err


def test_no_argument_after_two_dashes_is_no_argument(python):
    assert run(python(ECHO_ARGS), "--").out == ""


def test_a_compiled_program_gets_its_arguments(source):
    program = source("main.c", "#include <stdio.h>\nint main(int c, char **v) { while (*++v) puts(*v); }\n")
    assert run(program, "--", "-O3", "last").out == "-O3\nlast\n"


COUNT = "import sys\nprint(len(sys.stdin.buffer.read()))"


def test_stdin_is_piped_through(python):
    text = bytes(range(256)) * 4096
    program = python("import sys, hashlib\nprint(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())")
    assert run(program, stdin=text).out.strip() == hashlib.sha256(text).hexdigest()


def test_stdin_comes_from_a_named_file(python, source):
    assert run("--stdin", source("input.txt", "x" * 100_000), python(COUNT), stdin=b"not this").out == "100000\n"


def test_stdin_comes_from_a_redirected_file(python, source):
    with open(source("input.txt", "x" * 100_000)) as file:
        assert run(python(COUNT), stdin=file).out == "100000\n"


def test_stdin_of_dev_null_is_empty(python):
    assert run(python(COUNT)).out == "0\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_an_empty_one(closed, python):
    text = "import sys\ndata = sys.stdin.read()\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(len(data))"
    done = subprocess.run(
        ["bash", "-c", f'exec "$0" run --limit wall_time=10s "$1" {closed}', RETORT, python(text)],
        stdin=subprocess.DEVNULL, capture_output=True, env=environment(), timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == (b"" if ">&-" in closed.replace("2>&-", "") else b"out\n")
    assert done.stderr == (b"" if "2>&-" in closed else b"err\n")


def test_stdin_from_a_folder_is_refused(python, tmp_path):
    ended = run("--stdin", tmp_path, python(COUNT))
    assert (ended.code, ended.out) != (0, "0\n"), "it ran with an empty stdin"
    assert str(tmp_path) in ended.err


def test_stdin_from_a_file_that_is_not_there_is_refused_with_its_name(python):
    ended = run("--stdin", "/nowhere/input.txt", python(COUNT))
    assert (ended.code, ended.out) == (64, "")
    assert "/nowhere/input.txt" in ended.err


# --- stdout and stderr ------------------------------------------------------------------------------------------------


def test_stdout_and_stderr_stay_apart(python):
    ended = run(python('import sys\nprint("one")\nprint("two", file=sys.stderr)'))
    assert (ended.out, ended.err) == ("one\n", "two\n")


def test_bytes_pass_as_they_are(python):
    assert run(python("import sys\nsys.stdout.buffer.write(bytes(range(256)))")).raw == bytes(range(256))


def test_a_compilers_warning_comes_before_the_programs_first_word(source):
    text = '#include <unistd.h>\n#warning careful\nint main(void) { write(1, "ran\\n", 4); write(2, "ran\\n", 4); }\n'
    with start(source("main.c", text), stderr=subprocess.STDOUT) as process:
        lines = process.stdout.read().decode().splitlines()
        assert process.wait(30) == 0
    assert [line for line in lines if line == "ran"] == lines[-2:] == ["ran", "ran"]
    assert sum("#warning careful [-W" in line for line in lines) == 1


def test_the_diagnostics_of_a_compiler_that_made_nothing_are_told_once(manifests, source):
    env = manifests(
        zed='''
id = "zed"
name = "Zed"
extensions = ["z"]
needs = ["/usr/bin/perl"]
version_command = ["/usr/bin/perl", "-v"]
main = "main.z"
[compile]
command = ["/usr/bin/perl", "-e", "print STDERR qq(careful)"]
artefacts = ["program"]
[run]
command = ["./program"]
'''
    )
    ended = run(source("main.z", ""), env=env)
    assert ended.code != 0
    assert ended.err.count("careful") == 1


@pytest.mark.parametrize(("stream", "descriptor"), [("stdout", 1), ("stderr", 2)])
def test_output_arrives_as_it_is_written(stream, descriptor, python):
    first, last = (f"os.write({descriptor}, b'{word}\\n')" for word in ("first", "last"))
    with start(python(f"import os, sys\n{first}\nsys.stdin.read()\n{last}"), stdin=subprocess.PIPE) as process:
        pipe = getattr(process, stream)
        ready, _, _ = select.select([pipe], [], [], 30)
        assert ready, "nothing came while the program was running"
        assert os.read(pipe.fileno(), 100) == b"first\n"
        assert process.poll() is None
        process.stdin.close()
        assert pipe.read() == b"last\n"
        assert process.wait(30) == 0


def test_a_compilers_text_goes_to_stderr(source):
    ended = run(source("main.c", "int main(void) { return undeclared; }\n"))
    assert (ended.code, ended.out) == (65, "")
    assert "main.c:1:" in ended.err
    assert "undeclared" in ended.err
    assert "compile_error" in ended.err


def test_a_compilers_warning_goes_to_stderr_and_the_program_runs(source):
    ended = run(source("main.c", '#include <stdio.h>\n#warning careful\nint main(void) { puts("ran"); }\n'))
    assert (ended.code, ended.out) == (0, "ran\n")
    assert "careful" in ended.err


# --- Limits -----------------------------------------------------------------------------------------------------------

# name: a value that a hello world can live with, values out of bounds, what their refusal names
LIMITS = {
    "cpu_time": ("20s", ["999us", "25h"], ["1ms", "24h"]),
    "wall_time": ("20s", ["0ms", "1441min"], ["1ms", "24h"]),
    "extra_time": ("1s", ["11min"], ["0s", "10min"]),
    "memory": ("256MiB", ["1MiB", "2TiB"], ["4MiB", "1TiB"]),
    "stack": ("8MiB", ["64KiB", "2TiB"], ["128KiB", "1TiB"]),
    "processes": ("64", ["0", "32769"], ["1", "32768"]),
    "open_files": ("64", ["7", "16385"], ["8", "16384"]),
    "file_size": ("16MiB", ["2TiB"], ["0B", "1TiB"]),
    "disk": ("64MiB", ["1KiB", "2TiB"], ["64KiB", "1TiB"]),
    "disk_inodes": ("1000", ["15", "16777217"], ["16", "16777216"]),
    "output": ("64KiB", ["65GiB"], ["0B", "64GiB"]),
    "network": ("none", ["internet"], ["none", "loopback"]),
}


def test_the_help_text_has_every_limit_with_its_defaults_and_bounds():
    text = retort("run", "--help").out
    rows = text[text.index("Limits (") :].split("\n\n")[0].splitlines()[2:]
    assert {row.split()[0] for row in rows} == set(LIMITS)
    info = json.loads(retort("runtime", "info", "cpp", "--json").out)
    for row in rows:
        name, *cells = row.replace("= memory", "=memory").split()
        assert cells[2:4] == LIMITS[name][2]
        assert name in info["run"]["limits"]
    assert "cpu_time     10s       30s       1ms     24h " in text
    assert "network is none or loopback" in text


def test_the_help_text_says_how_often_an_option_takes_how_many_values():
    text = retort("run", "--help").out
    assert "..." not in text[text.index("--limit") : text.index("--compile-limit")]
    assert text.count("may be given again") == 2
    assert "stdin is passed through" in text


def test_an_option_takes_one_value_each_time(python):
    ended = run("--limit", "memory=64MiB", "cpu_time=2s", python("print('ran')"))
    assert (ended.code, ended.out) == (64, "")
    assert "cpu_time=2s" in ended.err


@pytest.mark.parametrize("option", ["--limit", "--compile-limit"])
@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_takes_a_value_within_its_bounds(name, option, source):
    ended = run(option, f"{name}={LIMITS[name][0]}", source(*HELLO["c"]))
    assert (ended.code, ended.out) == (0, "hello\n"), ended.err


@pytest.mark.parametrize("option", ["--limit", "--compile-limit"])
@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_out_of_bounds_is_refused_with_its_bounds(name, option, source):
    _, wrong, bounds = LIMITS[name]
    for value in wrong:
        ended = run(option, f"{name}={value}", source(*HELLO["c"]))
        assert (ended.code, ended.out) == (64, ""), value
        for word in (option, name, value, *bounds):
            assert word in ended.err


def test_limits_reach_the_program(python):
    program = python(
        "import resource as r\n"
        "print(*(r.getrlimit(x)[0] for x in (r.RLIMIT_STACK, r.RLIMIT_NOFILE, r.RLIMIT_FSIZE)))"
    )
    ended = run("--limit", "stack=16MiB", "--limit", "open_files=77", "--limit", "file_size=3MiB", program)
    assert ended.out == f"{16 << 20} 77 {3 << 20}\n", ended.err


GIB = 1 << 30


def test_soft_limits_of_the_caller_are_not_the_programs(python):
    """Up to the hard limits, which bound everybody."""
    infinity = resource.RLIM_INFINITY
    inherited = {  # soft, hard
        "AS": (4 * GIB, infinity),
        "DATA": (GIB, 3 * GIB),
        "RSS": (1 << 20, infinity),
        "CPU": (500, 600),
        "FSIZE": (1 << 20, infinity),
        "NPROC": (10, 5000),
    }

    def inherit():
        for name, limits in inherited.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), limits)

    program = python(
        "import json, resource as r\n"
        f"print(json.dumps({{name: r.getrlimit(getattr(r, 'RLIMIT_' + name)) for name in {list(inherited)}}}))"
    )
    ended = run("--limit", "cpu_time=700s", "--limit", "processes=20", program, preexec_fn=inherit)
    assert ended.code == 0, ended.err
    limits = {name: tuple(pair) for name, pair in json.loads(ended.out).items()}
    assert limits == {
        "AS": (infinity, infinity),
        "DATA": (3 * GIB, 3 * GIB),
        "RSS": (infinity, infinity),
        "CPU": (600, 600),
        "FSIZE": (128 << 20, 128 << 20),
        "NPROC": (28, 28),
    }


def test_doctor_names_a_hard_limit_that_cells_inherit():
    def inherit():
        resource.setrlimit(resource.RLIMIT_DATA, (6 * GIB, 6 * GIB))

    def row(**options):
        checks = json.loads(retort("doctor", "--json", **options).out)["checks"]
        return next(check for check in checks if check["id"] == "resource-limits")

    low = row(preexec_fn=inherit)
    assert not low["found"]
    assert f"data {6 * GIB}" in low["detail"]
    assert "--data=unlimited" in low["mend"]
    assert "data" not in row()["detail"]


def test_the_run_limit_is_not_the_compilers(source):
    ended = run("--limit", "memory=8MiB", "--limit", "processes=1", source(*HELLO["c"]))
    assert (ended.code, ended.out) == (0, "hello\n"), ended.err


def test_a_compiler_over_its_limit_ends_the_job(source):
    result = run_json("--compile-limit", "memory=4MiB", source(*HELLO["c"]))
    assert result["status"] == "memory_limit"
    assert [stage["name"] for stage in result["stages"]] == ["compile"]
    assert "memory" in result["stages"][0]["limits_hit"]


def test_the_last_of_two_values_counts(python):
    program = python("import resource as r\nprint(r.getrlimit(r.RLIMIT_NOFILE)[0])")
    assert run("--limit", "open_files=50", "--limit", "open_files=60", program).out == "60\n"


# --- The result as JSON -----------------------------------------------------------------------------------------------

STATUSES = (
    "ok compile_error nonzero_exit signaled cpu_time_limit wall_time_limit memory_limit output_limit disk_limit "
    "process_limit start_error wrong_answer cancelled internal_error"
).split()
JOB = {"status": str, "message": str, "runtime": str, "own_ids": bool, "stages": list, "files": list, "timing": dict}
STAGE = {
    "name": str,
    "status": str,
    "message": str,
    "exit_code": (int, type(None)),
    "signal": (int, type(None)),
    "stdout": str,
    "stderr": str,
    "truncated": list,
    "cpu_time_us": int,
    "cpu_user_us": int,
    "cpu_system_us": int,
    "wall_time_us": int,
    "memory_peak_bytes": int,
    "processes_peak": int,
    "limits_hit": list,
}


def check_record(record, schema):
    for field, kind in schema.items():
        assert field in record, field
        assert isinstance(record[field], kind), f"{field}: {record[field]!r}"
        assert kind is bool or not isinstance(record[field], bool), field


def check_result(result):
    check_record(result, JOB)
    assert result["status"] in STATUSES
    assert result["stages"]
    for stage in result["stages"]:
        check_record(stage, STAGE)
        assert stage["status"] in STATUSES
        assert set(stage["limits_hit"]) <= set(LIMITS)
        assert set(stage["truncated"]) <= {"stdout", "stderr"}
        assert stage["cpu_user_us"] + stage["cpu_system_us"] == stage["cpu_time_us"]
        assert (stage["exit_code"] is None) or (stage["signal"] is None)
    assert result["stages"][-1]["status"] == result["status"]
    assert all(isinstance(value, int) and value >= 0 for value in result["timing"].values())
    names = [stage["name"] for stage in result["stages"]]
    assert {"total_us", "setup_us", "collect_us", *(f"{name}_us" for name in names)} <= set(result["timing"])


ENDINGS = {
    "ok": ("print(1)", []),
    "nonzero_exit": ("raise SystemExit(3)", []),
    "signaled": ("import os\nos.abort()", []),
    "cpu_time_limit": ("while True: pass", ["--limit", "cpu_time=100ms"]),
    "wall_time_limit": ("import time\ntime.sleep(99)", ["--limit", "wall_time=100ms"]),
    "memory_limit": ("x = bytearray(1 << 28)", ["--limit", "memory=32MiB"]),
    "output_limit": ("print('x' * 1000)", ["--limit", "output=100B"]),
    "disk_limit": ("open('f', 'wb').write(bytes(1 << 23))", ["--limit", "disk=1MiB"]),
    "process_limit": ("import os\nfor i in range(99): os.fork()", ["--limit", "processes=8"]),
}


@pytest.mark.parametrize("status", ENDINGS)
def test_every_ending_has_the_whole_record_and_exit_code_0(status, python):
    text, options = ENDINGS[status]
    result = run_json(*options, python(text))
    check_result(result)
    assert result["status"] == status
    if status.endswith("_limit"):
        limit = {"process_limit": "processes"}.get(status, status.removesuffix("_limit"))
        assert limit in result["stages"][-1]["limits_hit"]
        assert limit in result["message"]


def test_a_compiled_job_has_two_stages_and_their_times(source):
    result = run_json(source(*HELLO["c"]))
    check_result(result)
    assert [stage["name"] for stage in result["stages"]] == ["compile", "run"]
    assert result["runtime"] == "c"
    timing = result["timing"]
    assert timing["total_us"] >= timing["compile_us"] + timing["run_us"]


def test_a_compile_error_has_the_compilers_text_and_no_run_stage(source):
    result = run_json(source("main.c", "int main(void) { return undeclared; }\n"))
    check_result(result)
    assert result["status"] == "compile_error"
    assert [stage["name"] for stage in result["stages"]] == ["compile"]
    assert "undeclared" in result["stages"][0]["stderr"]
    assert result["stages"][0]["exit_code"] == 1


def test_figures_are_those_of_the_program(python):
    program = python(
        "import os, time\n"
        "end = time.process_time() + 0.3\n"
        "while time.process_time() < end: pass\n"
        "data = bytearray(64 << 20)\n"
        "if os.fork() == 0: time.sleep(0.2); os._exit(0)\n"
        "os.wait()"
    )
    stage = run_json(program)["stages"][0]
    assert stage["cpu_time_us"] >= 300_000
    assert stage["wall_time_us"] >= 500_000
    assert 64 << 20 <= stage["memory_peak_bytes"] < 128 << 20
    assert stage["processes_peak"] == 2


def test_text_is_text_and_bytes_are_base64_with_the_encoding_named(python):
    result = run_json(python("import sys\nprint('grüße')\nsys.stderr.buffer.write(b'\\xff\\x00\\x80')"))
    stage = result["stages"][0]
    assert stage["stdout"] == "grüße\n"
    assert stage.get("stdout_encoding", "utf8") == "utf8"
    assert stage["stderr_encoding"] == "base64"
    assert base64.b64decode(stage["stderr"]) == b"\xff\x00\x80"


def test_cut_output_keeps_head_and_tail_and_says_so(python):
    text = "print('head' + 'x' * 100_000 + 'tail', end='')"
    stage = run_json("--limit", "output=1000B", python(text))["stages"][0]
    assert len(stage["stdout"]) == 1000
    assert stage["stdout"].startswith("headx")
    assert stage["stdout"].endswith("xtail")
    assert stage["truncated"] == ["stdout"]
    assert stage["stdout_total_bytes"] == 100_008


def test_an_output_limit_of_0_keeps_nothing(python):
    stage = run_json("--limit", "output=0B", python("print('x')"))["stages"][0]
    assert (stage["stdout"], stage["truncated"], stage["status"]) == ("", ["stdout"], "output_limit")


def test_json_stands_alone_on_stdout(python):
    ended = run("--json", python("import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(9)"))
    assert (ended.code, ended.err) == (0, "")
    stage = json.loads(ended.out)["stages"][0]
    assert (stage["stdout"], stage["stderr"], stage["exit_code"]) == ("out\n", "err\n", 9)


def test_json_leaves_a_wrong_command_line_wrong(python):
    ended = run("--json", "--limit", "x=1", python(""))
    assert (ended.code, ended.out) == (64, "")
