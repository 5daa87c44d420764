// E03, E04, E05, E06: what /proc and /sys tell of the kernel and the host, and take from a writer.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run_kernel(unsigned) {
  for (const char* name : {"kallsyms",
                           "kcore",
                           "kmsg",
                           "iomem",
                           "ioports",
                           "timer_list",
                           "sched_debug",
                           "slabinfo",
                           "vmallocinfo",
                           "pagetypeinfo",
                           "kpagecount",
                           "kpageflags",
                           "kpagecgroup",
                           "vmcore",
                           "latency_stats",
                           "schedstat",
                           "buddyinfo",
                           "zoneinfo"}) {
    expect_absent("/proc/" + std::string(name));
  }
  for (const char* path : {"/sys",
                           "/sys/kernel/debug",
                           "/sys/kernel/notes",
                           "/boot",
                           "/dev/kmsg",
                           "/dev/mem",
                           "/dev/port",
                           "/lib/modules/build"}) {
    expect_absent(path);
  }
  char text[64] = {};
  const unsigned long at = address_of(text);
  for (unsigned long action = 0; action <= 10; ++action) {
    // 5 clears the ring: not even tried.
    if (action != 5 && action != 4)
      expect_answer({"syslog", SYS_syslog, {action, at, sizeof text}, EPERM});
  }
  return verdict();
}

const Enrol kKernel{{.id = "E03",
                     .what = "addresses and messages of the kernel",
                     .run = run_kernel,
                     .portable = true}};

int run_host(unsigned) {
  for (const char* name : {"cmdline",
                           "config.gz",
                           "version",
                           "version_signature",
                           "modules",
                           "cpuinfo",
                           "meminfo",
                           "stat",
                           "loadavg",
                           "uptime",
                           "interrupts",
                           "softirqs",
                           "diskstats",
                           "partitions",
                           "filesystems",
                           "devices",
                           "mounts",
                           "swaps",
                           "vmstat",
                           "misc",
                           "locks",
                           "consoles",
                           "fb",
                           "crypto",
                           "cgroups",
                           "dma",
                           "bus",
                           "driver",
                           "fs",
                           "irq",
                           "tty",
                           "net",
                           "sysvipc",
                           "pressure",
                           "dynamic_debug",
                           "execdomains",
                           "mdstat",
                           "sys",
                           "acpi",
                           "asound",
                           "scsi"}) {
    expect_absent("/proc/" + std::string(name));
  }
  for (const std::string& name : list_folder("/proc")) {
    expect(name == "self" || name == "thread-self" || name == std::to_string(::getpid()),
           "/proc lists " + name);
  }
  return verdict();
}

const Enrol kHost{{.id = "E04", .what = "what /proc tells of the host", .run = run_host}};

int run_keys(unsigned) {
  expect_absent("/proc/keys");
  expect_absent("/proc/key-users");
  expect_answer({"keyctl", SYS_keyctl, {0, kMinusOne, 0}, EPERM});
  return verdict();
}

const Enrol kKeys{{.id = "E05", .what = "the list of keys", .run = run_keys}};

int run_writes(unsigned) {
  for (const char* path : {"/proc/sys/kernel/core_pattern",
                           "/proc/sys/kernel/modprobe",
                           "/proc/sys/kernel/hostname",
                           "/proc/sys/vm/drop_caches",
                           "/proc/sys/vm/overcommit_memory",
                           "/proc/sys/fs/file-max",
                           "/proc/sys/user/max_user_namespaces",
                           "/proc/sys/net/ipv4/ip_forward",
                           "/proc/sysrq-trigger",
                           "/proc/irq/default_smp_affinity",
                           "/proc/sys/fs/binfmt_misc/register",
                           "/sys/kernel/uevent_helper",
                           "/sys/kernel/mm/ksm/run",
                           "/sys/power/state"}) {
    expect_refused(::open(path, O_WRONLY | O_CLOEXEC), {ENOENT}, path);
  }
  const auto expect_no_write =
      [](const std::string& name, const std::string& text, const std::vector<int>& errnos) {
        const int file = ::open(("/proc/self/" + name).c_str(), O_WRONLY | O_CLOEXEC);
        const long result = file < 0 ? -1 : ::write(file, text.data(), text.size());
        expect_refused(result, errnos, "write " + text + " to /proc/self/" + name);
        if (file >= 0) ::close(file);
      };
  expect_no_write("uid_map", "0 0 1", {EPERM});
  expect_no_write("gid_map", "0 0 1", {EPERM});
  expect_no_write("setgroups", "allow", {EACCES});
  expect_no_write("setgroups", "deny", {EACCES});
  expect_no_write("timens_offsets", "boottime 100000 0", {EACCES, EPERM});
  expect_no_write("oom_score_adj", "-1000", {EACCES});
  expect_no_write("oom_adj", "-17", {EACCES});
  // loginuid and projid_map are everyone's to write once, in his own namespace's ids.
  expect_no_write("attr/current", "unconfined", {EINVAL, EPERM, EACCES, ENOENT});
  expect_no_write("attr/exec", "unconfined", {EINVAL, EPERM, EACCES, ENOENT});
  expect_no_write("fail-nth", "1", {ENOENT, EPERM, EACCES});
  expect_no_write("make-it-fail", "1", {ENOENT, EPERM, EACCES});
  for (const char* path : {"/proc", "/proc/self"}) {
    expect_refused(::mkdir((std::string(path) + "/new").c_str(), 0700),
                   {EACCES, ENOENT, EPERM},
                   std::string("make a folder in ") + path);
  }
  return verdict();
}

const Enrol kWrites{{.id = "E06", .what = "write to /proc and /sys", .run = run_writes}};

}  // namespace
}  // namespace retort::attacks
