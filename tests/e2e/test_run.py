"""retort run: languages, files, arguments, streams, exit codes, limits and the result as JSON."""

import base64
import hashlib
import json
import os
import resource
import select
import signal
import subprocess

import pytest
from harness import RETORT, environment, is_available, need, retort, run, run_json, start

pytestmark = pytest.mark.root

HELLO = {
    "python": ("hello.py", 'print("hello")\n'),
    "c": ("hello.c", '#include <stdio.h>\nint main(void) { puts("hello"); }\n'),
    "cpp": ("hello.cpp", '#include <iostream>\nint main() { std::cout << "hello\\n"; }\n'),
    "bash": ("hello.sh", "echo hello\n"),
    "perl": ("hello.pl", 'print "hello\\n";\n'),
    "javascript": ("hello.js", 'console.log("hello");\n'),
    "java": ("Hello.java", 'class Hello { public static void main(String[] a) { System.out.println("hello"); } }\n'),
}
ECHO_ARGS = 'import sys\nfor word in sys.argv[1:]: print(repr(word))\n'


# --- Languages and files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", HELLO)
def test_a_file_name_tells_the_language(language, source):
    need(is_available(language), f"{language} is not on this host")
    ended = run(source(*HELLO[language]))
    assert (ended.code, ended.out, ended.err) == (0, "hello\n", "")


@pytest.mark.parametrize("language", ["python", "c", "cpp", "bash", "perl", "javascript", "java"])
def test_a_language_can_be_named(language, source):
    need(is_available(language), f"{language} is not on this host")
    ended = run("-l", language, source(*HELLO[language]))
    assert (ended.code, ended.out, ended.err) == (0, "hello\n", "")


def test_a_named_language_needs_no_extension(source):
    assert run("-l", "python", source("program", 'print("hello")')).out == "hello\n"


def test_several_files_lie_side_by_side_and_the_first_is_the_main_one(source):
    main = source("start.py", "import helper\nprint(helper.word)")
    helper = source("elsewhere/helper.py", 'word = "together"')
    assert run(main, helper).out == "together\n"


def test_several_sources_are_compiled_together(source):
    main = source("main.c", '#include <stdio.h>\n#include "word.h"\nint main(void) { puts(word()); }\n')
    word = source("word.c", 'const char *word(void) { return "linked"; }\n')
    ended = run(main, word, source("word.h", "const char *word(void);\n"))
    assert (ended.code, ended.out) == (0, "linked\n"), ended.err


def test_two_files_of_one_name_are_refused(source):
    ended = run(source("a/main.py", ""), source("b/main.py", ""))
    assert ended.code == 64
    assert "main.py" in ended.err


def test_a_folder_is_taken_whole_and_begins_with_the_main_file(source, tmp_path):
    source("project/a.py", 'raise SystemExit("not the main file")')
    source("project/main.py", "from package.deep import word\nprint(word, open('data/numbers.txt').read())")
    source("project/package/deep.py", 'word = "deep"')
    source("project/data/numbers.txt", "1 2")
    ended = run(tmp_path / "project")
    assert (ended.code, ended.out) == (0, "deep 1 2\n"), ended.err


def test_a_folder_with_one_source_begins_there(source, tmp_path):
    source("project/solution.py", "print(open('note.txt').read())")
    source("project/note.txt", "read")
    assert run(tmp_path / "project").out == "read\n"


def test_a_folder_without_a_main_file_is_refused_with_its_name(source, tmp_path):
    source("project/a.py", "")
    source("project/b.py", "")
    ended = run(tmp_path / "project")
    assert ended.code == 64
    assert "main.py" in ended.err


def test_an_empty_folder_is_refused(tmp_path):
    ended = run(tmp_path)
    assert ended.code == 64
    assert "no file" in ended.err


def test_links_in_a_folder_are_not_followed(source, tmp_path):
    source("project/main.py", "import os\nprint(sorted(os.listdir()))")
    secret = source("secret.txt", "secret")
    (tmp_path / "project/link.txt").symlink_to(secret)
    assert run(tmp_path / "project").out == "['main.py']\n"


NAMES = [
    ("python", "--", 'print("hello")'),
    ("python", " x", 'print("hello")'),
    ("python", "@args", 'print("hello")'),
    ("python", "näme.py", 'print("hello")'),
    ("python", "-c", 'print("hello")'),
    ("python", "a;b $(id) `id` 'q\".py", 'print("hello")'),
    ("c", "a;b.c", HELLO["c"][1]),
    ("c", "-o.c", HELLO["c"][1]),
    ("cpp", "-fplugin=evil.cpp", HELLO["cpp"][1]),
    ("bash", "-c", "echo hello"),
    ("perl", "-e", 'print "hello\\n";'),
    ("javascript", "--eval=1.js", 'console.log("hello");'),
]


@pytest.mark.parametrize(("language", "name", "text"), NAMES)
def test_a_file_name_is_a_name_and_never_an_option(language, name, text, source):
    need(is_available(language), f"{language} is not on this host")
    ended = run("-l", language, source(name, text))
    assert (ended.code, ended.out) == (0, "hello\n"), ended.err


@pytest.mark.parametrize("name", ["run", "doctor", "{}", "x=y", "%%"])
def test_a_file_name_that_means_something_to_command_lines_is_a_name(name, source, tmp_path):
    source(name, 'print("hello")')
    ended = run("-l", "python", name, cwd=tmp_path)
    assert (ended.code, ended.out) == (0, "hello\n"), ended.err


def test_a_second_source_named_like_an_option_is_compiled(source):
    main = source("main.c", '#include <stdio.h>\nint word(void);\nint main(void) { printf("%d\\n", word()); }\n')
    ended = run(main, source("-fsyntax-only.c", "int word(void) { return 7; }\n"))
    assert (ended.code, ended.out) == (0, "7\n"), ended.err


def test_a_file_name_with_a_control_character_is_refused(source):
    ended = run("-l", "python", source("a\nb.py", ""))
    assert ended.code == 64
    assert "\n" not in ended.err.rstrip("\n")


def test_a_version_can_be_asked_for(python):
    program = python("import platform\nprint(platform.python_version())")
    here = run(program).out.strip()
    major, minor, _ = here.split(".")
    for version in (here, f"{major}.{minor}", major, "*"):
        ended = run("-l", f"python@{version}", program)
        assert (ended.code, ended.out.strip()) == (0, here), ended.err


def test_a_version_that_is_not_here_is_refused_with_the_one_that_is(python):
    here = run(python("import platform\nprint(platform.python_version())")).out.strip()
    for version in ("2", "3.1", here + ".9"):
        ended = run("-l", f"python@{version}", python('print("ran")'))
        assert (ended.code, ended.out) == (125, ""), version
        assert here in ended.err
        assert version in ended.err


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
    assert (ended.code, ended.out) == (125, "")
    assert "/nowhere/input.txt" in ended.err


# --- stdout and stderr ------------------------------------------------------------------------------------------------


def test_stdout_and_stderr_stay_apart(python):
    ended = run(python('import sys\nprint("one")\nprint("two", file=sys.stderr)'))
    assert (ended.out, ended.err) == ("one\n", "two\n")


def test_bytes_pass_as_they_are(python):
    assert run(python("import sys\nsys.stdout.buffer.write(bytes(range(256)))")).raw == bytes(range(256))


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


# --- Exit codes -------------------------------------------------------------------------------------------------------


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


def test_an_unknown_runtime_is_125_with_those_that_are_known(python):
    ended = run("-l", "cobol", python(""))
    assert ended.code == 125
    assert "cobol" in ended.err
    assert "python" in ended.err


def test_a_misspelt_runtime_is_answered_with_the_nearest(python):
    assert "did you mean 'python'" in run("-l", "pyhton", python("")).err


def test_a_file_that_tells_no_language_is_125_with_the_way_out(source):
    ended = run(source("main.zzz", ""))
    assert ended.code == 125
    assert "main.zzz" in ended.err
    assert "name the language" in ended.err


def test_a_missing_source_file_is_125_with_its_name():
    ended = run("nowhere.py")
    assert (ended.code, ended.out) == (125, "")
    assert "nowhere.py" in ended.err


WRONG = {
    "no command": ([], "subcommand"),
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


def test_every_limit_of_the_help_text_is_in_this_table():
    text = retort("run", "--help").out
    listed = text[text.index("Limits (") :].split("\n\n")[0].splitlines()[1:]
    assert {line.split()[0] for line in listed} == set(LIMITS)


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
JOB = {"status": str, "message": str, "runtime": str, "stages": list, "files": list, "timing": dict}
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
        assert isinstance(record[field], kind) and not isinstance(record[field], bool), f"{field}: {record[field]!r}"


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


# --- Files that the program wrote -------------------------------------------------------------------------------------


def tree(folder):
    """Every entry below a folder: its kind, and a file's content or a link's target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = os.readlink(path) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(folder))] = kind
    return found


def test_written_files_are_collected_and_no_others(python, source, tmp_path):
    text = "import os\nos.makedirs('a/b')\nopen('a/b/c.txt', 'w').write('deep')\nopen('changed', 'w').write('new')"
    out = tmp_path / "out"
    result = run_json("-o", out, python(text), source("changed", "old"), source("untouched", "same"))
    assert tree(out) == {"a": None, "a/b": None, "a/b/c.txt": b"deep", "changed": b"new"}
    assert {file["name"]: file["size_bytes"] for file in result["files"]} == {"a/b/c.txt": 4, "changed": 3}


def test_without_a_folder_to_put_them_no_file_is_collected(python, tmp_path):
    before = tree(tmp_path)
    program = python("open('new.txt', 'w').write('x')")
    assert run_json(program, cwd=tmp_path)["files"] == []
    assert tree(tmp_path) == before | {"main.py": program.read_bytes()}


def test_a_program_that_failed_keeps_its_files(python, tmp_path):
    program = python("open('partial', 'w').write('x')\nraise SystemExit(4)")
    assert run("-o", tmp_path / "out", program).code == 4
    assert tree(tmp_path / "out") == {"partial": b"x"}


SPECIAL = """
import os, socket
os.symlink("/etc/passwd", "absolute.txt")
os.symlink("../../../../etc/passwd", "relative.txt")
os.symlink("/etc", "folder")
os.symlink("real.txt", "inner.txt")
open("real.txt", "w").write("real")
open("linked.txt", "w").write("twice")
os.link("linked.txt", "other.txt")
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
"""


def test_only_regular_files_with_one_name_are_collected(python, tmp_path):
    ended = run("-o", tmp_path / "out", python(SPECIAL))
    assert ended.code == 0, ended.err
    assert tree(tmp_path / "out") == {"real.txt": b"real"}
    for name in ("absolute.txt", "relative.txt", "folder", "inner.txt", "linked.txt", "other.txt", "pipe", "socket"):
        assert f"{name} was not collected" in ended.err


def test_a_link_named_like_a_file_of_the_folder_does_not_touch_it(python, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "kept.txt").write_text("kept")
    ended = run("-o", out, python("import os\nos.symlink('/etc/passwd', 'kept.txt')"))
    assert tree(out) == {"kept.txt": b"kept"}
    assert "kept.txt was not collected: a symbolic link" in ended.err


@pytest.mark.parametrize("link", ["result.txt", "sub"])
def test_nothing_is_written_through_a_link_that_is_in_the_folder(link, python, tmp_path):
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (outside / "result.txt").write_text("mine")
    (out / link).symlink_to(outside / "result.txt" if link == "result.txt" else outside)
    text = "import os\nos.mkdir('sub')\nfor name in ('result.txt', 'sub/result.txt'): open(name, 'w').write('x')"
    run("-o", out, python(text))
    assert tree(outside) == {"result.txt": b"mine"}
    assert (out / link).is_symlink()


def test_a_file_that_cannot_be_put_there_does_not_cost_the_result(python, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "result.txt").symlink_to(tmp_path / "elsewhere")
    program = python("for f in ('result.txt', 'z.txt'): open(f, 'w').write('x')\nprint('ran')\nraise SystemExit(3)")
    result = run_json("-o", out, program)
    assert result["stages"][0]["exit_code"] == 3
    refused = {file["name"]: file.get("refused") for file in result["files"]}
    assert refused["result.txt"]
    assert (out / "z.txt").read_text() == "x"


def test_a_folder_that_cannot_be_made_is_refused_before_the_program_runs(python, source):
    ended = run("-o", source("a-file", "x"), python("print('ran')"))
    assert ended.code != 0
    assert (ended.out, "a-file" in ended.err) == ("", True), ended.err


def test_odd_names_are_collected_in_the_folder_or_refused(python, tmp_path):
    names = ["..x", "...", "-rf", "a b", "ü", "x" * 255, "a\nb", "\x1b[2J", "\x7f"]
    raw = r"\xff\xfe"
    program = python(f"for name in {names!r}: open(name, 'w').write('x')\nopen(b'{raw}', 'w').write('x')")
    before = tree(tmp_path)
    ended = run("-o", tmp_path / "out", program)
    assert ended.code == 0, ended.err
    assert set(tree(tmp_path / "out")) == {"..x", "...", "-rf", "a b", "ü", "x" * 255}
    assert {name for name in tree(tmp_path) if not name.startswith("out")} == set(before) | {"main.py"}
    assert "\x1b" not in ended.err
    assert ended.err.count("was not collected") == 4


def test_no_bit_but_execute_outlives_the_cell(python, tmp_path):
    program = python("import os\nfor n, m in (('tool', 0o6777), ('text', 0o666)): open(n, 'w'); os.chmod(n, m)")
    assert run("-o", tmp_path / "out", program).code == 0
    assert (tmp_path / "out/tool").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "out/text").stat().st_mode & 0o7777 == 0o644
    assert (tmp_path / "out/tool").stat().st_uid == os.geteuid()
