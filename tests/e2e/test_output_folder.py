"""retort run -o: the files that the program wrote, and nothing else, in that folder and nowhere else."""

import os
import subprocess

import pytest
from harness import HELLO, RETORT, environment, run, run_json

pytestmark = pytest.mark.root


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


def test_artefacts_of_the_compiler_are_not_the_programs_files(source, tmp_path):
    ended = run("-o", tmp_path / "out", source(*HELLO["c"]))
    assert ended.code == 0, ended.err
    assert tree(tmp_path / "out") == {}


def test_an_input_that_was_renamed_or_changed_is_the_programs_file(python, source, tmp_path):
    program = python("import os\nos.rename('a', 'b')\nopen('c', 'w').write('changed')\n")
    ended = run("-o", tmp_path / "out", program, source("a", "one"), source("c", "before!"), source("d", "same"))
    assert ended.code == 0, ended.err
    assert tree(tmp_path / "out") == {"b": b"one", "c": b"changed"}


def test_low_limits_of_the_caller_do_not_cost_the_artefacts(source):
    program = source(*HELLO["c"])
    command = ["prlimit", "--cpu=45", "--nofile=1024", RETORT, "run", program]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "hello\n"), ended.stderr


def test_a_file_is_put_there_whole_or_not_at_all(python, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("before")
    assert run("-o", out, python("open('old', 'w').write('after')")).code == 0
    assert tree(out) == {"old": b"after"}


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
