// E11, E13: who the host is: its name, users, time zone; how long it has run.
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <set>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  utsname names{};
  expect(::uname(&names) == 0 && std::strcmp(names.nodename, "retort") == 0,
         std::string("the host is named ") + names.nodename);
  expect(std::strcmp(names.domainname, "(none)") == 0,
         std::string("the domain is named ") + names.domainname);
  const std::set<std::string> variables = {
      "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/box", "LANG=C.UTF-8", "TMPDIR=/tmp"};
  std::size_t count = 0;
  for (char** variable = environ; *variable != nullptr; ++variable, ++count)
    expect(variables.contains(*variable), std::string("the environment has ") + *variable);
  expect(count == variables.size(), "the environment lacks something");
  expect(read_file("/etc/passwd") ==
             "root:x:0:0:root:/:/usr/sbin/nologin\nbox:x:1000:1000:box:/box:/bin/sh\n"
             "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
         "/etc/passwd is another");
  expect(read_file("/etc/group") == "root:x:0:\nbox:x:1000:\nnogroup:x:65534:\n",
         "/etc/group is another");
  expect(read_file("/etc/hosts") == "127.0.0.1 localhost retort\n::1 localhost\n",
         "/etc/hosts is another");
  expect(read_file("/etc/hostname") == "retort\n", "/etc/hostname is another");
  expect(read_file("/etc/resolv.conf").empty(), "/etc/resolv.conf names a server");
  for (const char* path : {"/etc/machine-id",
                           "/var/lib/dbus/machine-id",
                           "/etc/localtime",
                           "/etc/timezone",
                           "/etc/shadow",
                           "/etc/gshadow",
                           "/etc/issue",
                           "/etc/os-release",
                           "/etc/debian_version",
                           "/etc/motd",
                           "/etc/adjtime",
                           "/etc/apt",
                           "/etc/ssh",
                           "/proc/sys/kernel/random/boot_id"}) {
    expect_absent(path);
  }
  ::tzset();
  expect(::timezone == 0 && std::strcmp(::tzname[0], "UTC") == 0, "a time zone is set");
  return verdict();
}

const Enrol kAttack{{.id = "E11", .what = "name, users, environment and time zone", .run = run}};

int run_age(unsigned) {
  for (const clockid_t clock :
       {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE}) {
    timespec now{};
    expect(::clock_gettime(clock, &now) == 0 && now.tv_sec < 30,
           "clock " + std::to_string(clock) + " says " + std::to_string(now.tv_sec) + " s");
  }
  struct sysinfo info{};
  expect(::sysinfo(&info) == 0 && info.uptime < 30,
         "sysinfo says " + std::to_string(info.uptime) + " s");
  expect_absent("/proc/uptime");
  return verdict();
}

const Enrol kAge{{.id = "E13", .what = "how long the host has run", .run = run_age}};

}  // namespace
}  // namespace retort::attacks
