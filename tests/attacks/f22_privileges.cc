// F22: more privilege than an ordinary user's, by any of its names.
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

std::string field(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  }
  return "(absent)";
}

int run(unsigned) {
  const std::string status = read_file("/proc/self/status");
  for (const auto& [name, wanted] : {std::pair{"Uid", "1000\t1000\t1000\t1000"},
                                     {"Gid", "1000\t1000\t1000\t1000"},
                                     {"Groups", " "},
                                     {"CapInh", "0000000000000000"},
                                     {"CapPrm", "0000000000000000"},
                                     {"CapEff", "0000000000000000"},
                                     {"CapBnd", "0000000000000000"},
                                     {"CapAmb", "0000000000000000"},
                                     {"NoNewPrivs", "1"},
                                     {"Seccomp", "2"}}) {
    expect(field(status, name) == wanted, std::string(name) + " is " + field(status, name));
  }
  expect(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no_new_privs is not set");
  for (int capability = 0; capability <= 40; ++capability) {
    expect_refused(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0),
                   {EPERM},
                   "raise ambient capability " + std::to_string(capability));
    expect(::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) <= 0,
           "capability " + std::to_string(capability) + " is within the bounds");
  }
  for (const unsigned id : {0U, 1U, 999U, 1001U, 65534U}) {
    const std::string name = "become " + std::to_string(id);
    expect_refused(::setuid(id), {EPERM, EINVAL}, name);
    expect_refused(::setresuid(id, id, id), {EPERM, EINVAL}, name + ", all three");
    expect_refused(::setgid(id), {EPERM, EINVAL}, name + " as group");
    expect_refused(::setresgid(id, id, id), {EPERM, EINVAL}, name + " as group, all three");
    ::setfsuid(id);
    expect(::setfsuid(1000) == 1000, name + " for files");
  }
  const gid_t group = 0;
  expect_refused(::setgroups(1, &group), {EPERM}, "join group 0");
  return verdict();
}

const Enrol kAttack{
    {.id = "F22", .what = "capabilities, ids and no_new_privs", .run = run, .portable = true}};

// The filter keeps a program from asking; whoever can ask finds them set and locked.
int run_securebits(unsigned) {
  constexpr int kWanted = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                          SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                          SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  const int bits = ::prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
  expect((bits == -1 && errno == ENOSYS) || bits == kWanted,
         "the securebits are " + std::to_string(bits));
  expect_refused(::prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), {EPERM, ENOSYS}, "change the securebits");
  return verdict();
}

const Enrol kSecurebits{{.id = "F22d", .what = "unlocked securebits", .run = run_securebits}};

// Every mount says nosuid, so that a set-id program is an ordinary one; the image has some.
int run_set_id(unsigned) {
  for (const char* path : {"/", "/usr", "/box", "/tmp", "/var/tmp", "/dev/shm", "/proc"}) {
    struct statvfs info{};
    expect(::statvfs(path, &info) == 0 && (info.f_flag & ST_NOSUID) != 0,
           std::string(path) + " is mounted without nosuid");
    expect((info.f_flag & ST_NODEV) != 0, std::string(path) + " is mounted without nodev");
  }
  // Some are read-only besides, and /proc executes nothing.
  for (const char* path : {"/", "/usr", "/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"}) {
    struct statvfs info{};
    expect(::statvfs(path, &info) == 0 && (info.f_flag & ST_RDONLY) != 0,
           std::string(path) + " is mounted writable");
  }
  struct statvfs proc{};
  expect(::statvfs("/proc", &proc) == 0 && (proc.f_flag & ST_NOEXEC) != 0, "/proc without noexec");
  // A set-user-id file of another's: none can be made.
  expect_refused(::chown("/box/attack", 0, 0), {EPERM, EINVAL}, "give a file to root");
  expect_refused(::chown("/box/attack", 65534, 65534), {EPERM}, "give a file to nobody");
  return verdict();
}

const Enrol kSetId{{.id = "F22b", .what = "set-id programs", .run = run_set_id, .portable = true}};

// What the kernel was told to bound, read back.
int run_limits(unsigned) {
  struct Bound {
    const char* name;
    __rlimit_resource resource;
    unsigned long value;
  };
  for (const Bound& bound : {Bound{"RLIMIT_CORE", RLIMIT_CORE, 1},
                             {"RLIMIT_NOFILE", RLIMIT_NOFILE, 64},
                             {"RLIMIT_FSIZE", RLIMIT_FSIZE, 4U << 20U},
                             {"RLIMIT_STACK", RLIMIT_STACK, 16U << 20U},
                             {"RLIMIT_CPU", RLIMIT_CPU, 3},
                             {"RLIMIT_NPROC", RLIMIT_NPROC, 24},
                             {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, 64U << 10U},
                             {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE, 512U << 10U},
                             {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING, 256},
                             {"RLIMIT_RTPRIO", RLIMIT_RTPRIO, 0},
                             {"RLIMIT_NICE", RLIMIT_NICE, 0}}) {
    rlimit now{};
    expect(::getrlimit(bound.resource, &now) == 0 && now.rlim_cur == bound.value &&
               now.rlim_max == bound.value,
           std::string(bound.name) + " is " + std::to_string(now.rlim_cur) + ", at most " +
               std::to_string(now.rlim_max) + ", instead of " + std::to_string(bound.value));
    const rlimit more{.rlim_cur = bound.value + 1, .rlim_max = bound.value + 1};
    if (bound.resource == RLIMIT_CORE) continue;
    expect_refused(::setrlimit(bound.resource, &more), {EPERM}, std::string("raise ") + bound.name);
  }
  sched_param high{.sched_priority = 1};
  expect_refused(::sched_setscheduler(0, SCHED_FIFO, &high), {EPERM}, "real-time scheduling");
  errno = 0;
  expect_refused(::setpriority(PRIO_PROCESS, 0, -1), {EACCES, EPERM}, "a higher priority");
  return verdict();
}

const Enrol kLimits{{.id = "F22c",
                     .what = "resource limits, read back and raised",
                     .run = run_limits,
                     .limits = {"open_files=64",
                                "file_size=4MiB",
                                "stack=16MiB",
                                "cpu_time=2s",
                                "extra_time=0s",
                                "processes=16"}}};

}  // namespace
}  // namespace retort::attacks
