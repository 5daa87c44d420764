// E01: what /proc tells of the cell's first process, and of any other.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  for (const char* name :
       {"environ", "cmdline", "maps", "root",   "cwd",       "exe", "fd",    "fdinfo",
        "mem",     "status",  "stat", "auxv",   "mountinfo", "ns",  "task",  "syscall",
        "stack",   "wchan",   "io",   "limits", "map_files", "net", "cgroup"}) {
    expect_refused(::open(("/proc/1/" + std::string(name)).c_str(), O_RDONLY | O_CLOEXEC),
                   {ENOENT},
                   std::string("/proc/1/") + name);
  }
  for (int id = 1; id < 512; ++id) {
    if (id == ::getpid()) continue;
    expect_refused(::access(("/proc/" + std::to_string(id)).c_str(), F_OK),
                   {ENOENT},
                   "process " + std::to_string(id));
  }
  // What it can read of itself is what it was given.
  std::fputs(read_file("/proc/self/environ").c_str(), stdout);
  std::fputs(read_file("/proc/self/cmdline").c_str(), stdout);
  expect_refused(::kill(1, 0), {EPERM}, "a signal to process 1");
  return verdict();
}

const Enrol kAttack{
    {.id = "E01", .what = "read the cell's first process", .run = run, .portable = true}};

// Where it can be seen, or has the same id, as an ordinary user's cell without ids to spare has it:
// what tells of its memory, its descriptors or its places is closed all the same.
int run_inside(unsigned) {
  for (const char* name :
       {"mem", "environ", "auxv", "maps", "fd", "fdinfo", "exe", "root", "cwd"}) {
    expect_refused(::open(("/proc/1/" + std::string(name)).c_str(), O_RDONLY | O_CLOEXEC),
                   {ENOENT, EACCES, EPERM},
                   std::string("/proc/1/") + name);
  }
  expect_refused(::open("/proc/1/mem", O_RDWR | O_CLOEXEC), {ENOENT, EACCES, EPERM}, "its memory");
  return verdict();
}

const Enrol kInside{{.id = "E01b",
                     .what = "memory and descriptors of the cell's first process",
                     .run = run_inside}};

}  // namespace
}  // namespace retort::attacks
