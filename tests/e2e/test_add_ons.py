"""Add-ons: what a manifest asks for beyond the base filter is open in its stage, and nowhere else."""

import json

import pytest
from harness import need, retort, run_json

pytestmark = pytest.mark.root

MANIFEST = """
id = "tool"
name = "Tool"
extensions = ["c"]
needs = ["/usr/bin/gcc"]
version_command = ["/usr/bin/gcc", "-dumpfullversion"]
main = "main.c"
[compile]
command = ["/usr/bin/gcc", "-o", "program", "{sources}"]
artefacts = ["program"]
COMPILE
[run]
command = ["./program"]
RUN
"""

# Each call's errno, or 0; a traced child must also be seen to stop.
PROGRAM = """
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(errno);
    raise(SIGSTOP);
    _exit(0);
  }
  waitpid(child, &status, 0);
  if (WIFSTOPPED(status)) {
    ptrace(PTRACE_CONT, child, 0, 0);
    waitpid(child, &status, 0);
  }
  int watch = inotify_init1(IN_CLOEXEC);
  int error = watch < 0 ? errno : inotify_add_watch(watch, ".", IN_CREATE) < 0 ? errno : 0;
  printf("%d %d\\n", WEXITSTATUS(status), error);
}
"""
EPERM, ENOSYS = 1, 38


@pytest.fixture
def tool(manifests):
    """The environment with one runtime that has these lines in its stages."""
    need_gcc = json.loads(retort("runtime", "info", "c", "--json").out)["available"]
    need(need_gcc, "c is not on this host")
    return lambda run="", compile="": manifests(tool=MANIFEST.replace("RUN", run).replace("COMPILE", compile))


@pytest.mark.parametrize(
    ("line", "errors"),
    [
        ("", [EPERM, ENOSYS]),
        ("add_ons = []", [EPERM, ENOSYS]),
        ("add_ons = ['ptrace']", [0, ENOSYS]),
        ("add_ons = ['inotify']", [EPERM, 0]),
        ("add_ons = ['ptrace', 'inotify']", [0, 0]),
    ],
)
@pytest.mark.parametrize("network", ["none", "loopback"])
def test_an_add_on_opens_what_it_names_and_no_more(line, errors, network, tool, source):
    result = run_json("--limit", f"network={network}", source("main.c", PROGRAM), env=tool(run=line))
    assert result["status"] == "ok", result
    assert [int(word) for word in result["stages"][-1]["stdout"].split()] == errors


def test_an_add_on_of_the_compiler_is_not_the_programs(tool, source):
    env = tool(compile="add_ons = ['ptrace', 'inotify']")
    assert run_json(source("main.c", PROGRAM), env=env)["stages"][-1]["stdout"] == f"{EPERM} {ENOSYS}\n"


def test_an_add_on_is_shown_by_info(tool):
    env = tool(run="add_ons = ['inotify', 'ptrace']")
    info = json.loads(retort("runtime", "info", "tool", "--json", env=env).out)
    assert (info["compile"]["add_ons"], info["run"]["add_ons"]) == ([], ["ptrace", "inotify"])
    text = retort("runtime", "info", "tool", env=env).out
    assert text.count("add-ons") == 1
    assert "add-ons     ptrace inotify" in text
