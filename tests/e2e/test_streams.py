"""Large, cut, closed and abandoned streams."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import RETORT, environment, peak_memory, run, run_json, start, until

pytestmark = pytest.mark.root

GIB = 1 << 30
LITTLE = 64 << 20  # what the retort process may take, whatever passes through it

FLOOD = """
#include <string.h>
#include <unistd.h>
int main(void) {
  static char block[65536];
  char byte;
  memset(block, 'x', sizeof block);
  if (read(0, &byte, 1) != 1) return 8;
  for (int i = 0; i < 16384; i++)
    for (size_t done = 0; done < sizeof block;) {
      ssize_t count = write(1, block + done, sizeof block - done);
      if (count <= 0) return 9;
      done += count;
    }
  while (read(0, &byte, 1) > 0) {}
  return 0;
}
"""
ENDLESS = "#include <stdio.h>\nint main(void) { for (;;) puts(\"line\"); }\n"


@pytest.fixture
def sparse(tmp_path):
    """A file of 1 GiB that takes no room."""
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        file.truncate(GIB)
    return path


def highest_memory_until_its_end(process):
    highest = 0

    def ended():
        nonlocal highest
        highest = max(highest, peak_memory(process.pid) or 0)
        return process.poll() is not None

    assert until(ended, 60), "it did not end"
    return highest


@pytest.mark.parametrize("way", ["redirected", "named"])
def test_a_program_that_does_not_read_a_gibibyte_of_stdin_just_ends(way, python, sparse):
    program = python("import time\ntime.sleep(0.5)\nprint('done')")
    with open(sparse, "rb") as file:
        process = start(program, stdin=file) if way == "redirected" else start("--stdin", sparse, program)
    with process:
        assert highest_memory_until_its_end(process) < LITTLE
        assert (process.returncode, process.stdout.read(), process.stderr.read()) == (0, b"done\n", b"")


def test_a_gibibyte_of_stdin_reaches_the_program(source, sparse):
    program = source("count.c", """
#include <stdio.h>
#include <unistd.h>
int main(void) {
  static char block[65536];
  long total = 0;
  for (ssize_t count; (count = read(0, block, sizeof block)) > 0;) total += count;
  printf("%ld\\n", total);
}
""")  # fmt: skip
    with open(sparse, "rb") as file:
        process = start(program, stdin=file)
    with process:
        assert highest_memory_until_its_end(process) < LITTLE
        assert process.stdout.read() == b"%d\n" % GIB


def test_a_gibibyte_of_output_passes_whole_in_little_memory(source):
    with start("--limit", "output=2GiB", source("main.c", FLOOD), stdin=subprocess.PIPE) as process:
        process.stdin.write(b"go\n")
        process.stdin.flush()
        total = 0
        while total < GIB:
            block = process.stdout.read1(1 << 20)
            assert block, f"the output ended after {total} bytes: {process.stderr.read()}"
            total += len(block)
        # The program waits for the end of its stdin, so retort is still there to be looked at.
        assert peak_memory(process.pid) < LITTLE
        process.stdin.close()
        total += len(process.stdout.read())
        assert (process.wait(30), total, process.stderr.read()) == (0, GIB, b"")


def test_output_over_the_limit_is_dropped_and_said(source):
    ended = run("--limit", "output=100kB", source("main.c", FLOOD), stdin="x")
    assert (ended.code, ended.raw) == (153, b"x" * 100_000)
    assert "output limit of 100kB" in ended.err


def test_each_stream_has_the_output_limit_for_itself(python):
    text = "import sys\nsys.stdout.write('o' * 900)\nsys.stderr.write('e' * 1100)"
    ended = run("--limit", "output=1000B", python(text))
    assert ended.out == "o" * 900
    assert ended.err.startswith("e" * 1000 + "retort: output_limit")


def test_a_flood_is_ended_and_what_was_kept_is_told(source):
    """FLOOD would end by itself with exit code 0."""
    stage = run_json("--limit", "output=1KiB", source("main.c", FLOOD), stdin="x")["stages"][-1]
    assert (stage["status"], stage["signal"], stage["limits_hit"]) == ("output_limit", 9, ["output"])
    assert (len(stage["stdout"]), stage["truncated"]) == (1024, ["stdout"])
    assert 16 * 1024 * 1024 < stage["stdout_total_bytes"] < GIB


def test_a_program_may_close_its_streams_and_work_on(python):
    program = python("import os, time\nfor d in (0, 1, 2): os.close(d)\ntime.sleep(0.3)\nos._exit(5)")
    ended = run(program, stdin=b"x" * 1_000_000)
    assert (ended.code, ended.raw, ended.errors) == (5, b"", b"")


def test_a_child_that_keeps_the_streams_open_does_not_hold_retort_up(python):
    program = python("import os, time\nif os.fork() == 0: time.sleep(1000)\nprint('parent')")
    ended = run(program, timeout=20)
    assert (ended.code, ended.out) == (0, "parent\n")


def test_retort_ends_soon_when_its_reader_goes_away(source):
    with start(source("main.c", ENDLESS)) as process:
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.wait(15) == 128 + 13


def test_retort_ends_soon_when_the_readers_of_both_streams_go_away(python):
    program = python("import os\nwhile True: os.write(1, b'o' * 1000); os.write(2, b'e' * 1000)")
    with start(program) as process:
        process.stdout.read(1)
        process.stdout.close()
        process.stderr.close()
        assert process.wait(15) != 0


def test_a_pipeline_with_head_ends(source):
    done = subprocess.run(
        ["bash", "-c", '"$0" run "$1" | head -n 1', RETORT, source("main.c", ENDLESS)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=20, env=environment(), check=False,
    )  # fmt: skip
    assert done.stdout == b"line\n"


@pytest.mark.parametrize("language", ["python", "c"])
def test_no_byte_is_lost_when_the_program_ends_at_once(language, source):
    """The end of a program's output may be seen before the reader has room for the bytes in front of it."""
    programs = {"python": "print('x' * 5000)", "c": '#include <stdio.h>\nint main(void) { puts("all"); }\n'}
    wanted = {"python": "x" * 5000 + "\n", "c": "all\n"}[language]
    program = source({"python": "main.py", "c": "main.c"}[language], programs[language])
    with ThreadPoolExecutor(4) as pool:
        lengths = list(pool.map(lambda _: len(run(program).out), range(80)))
    assert lengths == [len(wanted)] * 80


def test_no_byte_is_lost_when_the_reader_is_slow(python):
    program = python("import sys\nfor i in range(40000): print(i)")
    with start(program) as process:
        got = b""
        while block := process.stdout.read1(30_000):
            got += block
            time.sleep(0.005)
        assert got == b"".join(b"%d\n" % i for i in range(40000))
        assert process.wait(20) == 0


def test_json_is_whole_when_output_is_large(python):
    ended = run("--json", python("print('ä' * 3_000_000, end='')"))
    assert json.loads(ended.out)["stages"][0]["stdout"] == "ä" * 3_000_000
