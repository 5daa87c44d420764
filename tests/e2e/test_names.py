"""retort run: what is run and how: languages, files and folders, and that a name is never more than a name."""

import os
import subprocess
import sys

import pytest
from harness import HELLO, RETORT, environment, is_available, need, run

pytestmark = pytest.mark.root


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


def test_a_file_that_becomes_a_link_during_the_walk_is_not_followed(source, tmp_path):
    """The link and the file change places all the time: what is read is the file or nothing."""
    source("project/main.py", "import os\nprint([open(n).read() for n in sorted(os.listdir()) if n != 'main.py'])")
    source("secret.txt", "secret")
    for number in range(300):
        source(f"project/filler{number}", "x")
    swap = (
        "import os, sys\nos.chdir(sys.argv[1])\nopen('real', 'w').write('mine')\nos.symlink('../secret.txt', 'link')\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    os.link('real', 'zz.new'); os.rename('zz.new', 'project/zz')\n"
        "    os.symlink('../secret.txt', 'zz.new'); os.rename('zz.new', 'project/zz')\n"
    )
    with subprocess.Popen([sys.executable, "-c", swap, tmp_path], stdout=subprocess.PIPE) as swapper:
        try:
            assert swapper.stdout.readline() == b"ready\n"
            for _ in range(10):
                ended = run(tmp_path / "project")
                assert ended.code == 0, ended.err
                assert "secret" not in ended.out
        finally:
            swapper.kill()


def test_a_pipe_in_a_folder_holds_nothing_up(source, tmp_path):
    source("project/main.py", "import os\nprint(sorted(os.listdir()))")
    os.mkfifo(tmp_path / "project/pipe")
    assert run(tmp_path / "project", timeout=20).out == "['main.py']\n"


def test_a_link_that_is_named_is_followed(source, tmp_path):
    (tmp_path / "link.py").symlink_to(source("real.py", "print('linked')"))
    source("project/main.py", "print('folder')")
    (tmp_path / "other").symlink_to(tmp_path / "project")
    assert run(tmp_path / "link.py").out == "linked\n"
    assert run(tmp_path / "other").out == "folder\n"


def test_a_source_from_a_pipe_is_read_to_its_end(tmp_path):
    done = subprocess.run(
        ["bash", "-c", '"$0" run -l python <(echo "print(1)")', RETORT],
        stdin=subprocess.DEVNULL, capture_output=True, env=environment(), timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout == b"1\n", done.stderr


def test_a_file_that_may_be_executed_stays_so(source, tmp_path):
    source("project/main.py", "import os\nprint(*(n for n in sorted(os.listdir()) if os.access(n, os.X_OK)))")
    source("project/tool", "x").chmod(0o755)
    assert run(tmp_path / "project").out == "tool\n"


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


@pytest.mark.parametrize("name", ["[a,b]", "[x]", "[]", "run", "doctor", "{}", "x=y", "%%"])
def test_a_file_name_that_means_something_to_command_lines_is_a_name(name, source, tmp_path):
    source(name, 'print("hello")')
    ended = run("-l", "python", name, cwd=tmp_path)
    assert (ended.code, ended.out) == (0, "hello\n"), ended.err


def test_a_second_source_named_like_an_option_is_compiled(source):
    main = source("main.c", '#include <stdio.h>\nint word(void);\nint main(void) { printf("%d\\n", word()); }\n')
    ended = run(main, source("-fsyntax-only.c", "int word(void) { return 7; }\n"))
    assert (ended.code, ended.out) == (0, "7\n"), ended.err


def test_a_source_named_like_a_response_file_is_no_list_of_options(source):
    """gcc's driver hands the bare name to cc1, which takes "@main.c" for: options are in main.c."""
    text = '#define X "-fplugin=/usr/lib/evil.so"\nint main(void) { return 0; }\n'
    ended = run(source("main.c", text), source("@main.c", "int other;\n"))
    assert "plugin" not in ended.err
    is_refused = ended.code == 64 and "@main.c" in ended.err
    assert ended.code == 0 or is_refused, ended.err


@pytest.mark.parametrize("name", ["[x]", "[a,b]"])
@pytest.mark.parametrize("form", ["{option} {name}", "{option}={name}"])
def test_the_value_of_an_option_may_be_in_brackets(form, name, python, source, tmp_path):
    source(name, "read\n")
    words = [form.format(option="--stdin", name=name), form.format(option="--output", name=f"[out,{name}]")]
    ended = run(*" ".join(words).split(), python("open('new', 'w').write(input())"), cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert (tmp_path / f"[out,{name}]/new").read_text() == "read"


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
        assert (ended.code, ended.out) == (64, ""), version
        assert here in ended.err
        assert version in ended.err
