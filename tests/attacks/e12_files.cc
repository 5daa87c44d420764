// E12: every file outside /usr that can be seen, against what the image is; whatever can be read is
// printed, so that the harness finds its secrets.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include <fnmatch.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

constexpr std::size_t kSmall = 16U << 10U;
constexpr std::size_t kMostPrinted = 512U << 10U;
constexpr const char* kInRoot[] = {"bin",
                                   "box",
                                   "dev",
                                   "etc",
                                   "lib",
                                   "lib32",
                                   "lib64",
                                   "libx32",
                                   "proc",
                                   "run",
                                   "sbin",
                                   "tmp",
                                   "usr",
                                   "var"};
constexpr const char* kInEtc[] = {"alternatives",
                                  "group",
                                  "hostname",
                                  "hosts",
                                  "java-*",
                                  "ld.so.cache",
                                  "ld.so.conf",
                                  "ld.so.conf.d",
                                  "mime.types",
                                  "nsswitch.conf",
                                  "passwd",
                                  "perl",
                                  "protocols",
                                  "python3*",
                                  "resolv.conf",
                                  "services",
                                  "ssl"};

std::size_t printed = 0;

bool is_among(const std::string& name, std::span<const char* const> patterns) {
  return std::ranges::any_of(
      patterns, [&](const char* pattern) { return ::fnmatch(pattern, name.c_str(), 0) == 0; });
}

void expect_only(const std::string& folder, std::span<const char* const> patterns) {
  for (const std::string& name : list_folder(folder))
    expect(is_among(name, patterns), folder + " has " + name);
}

void walk(const std::string& path, unsigned depth) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return;
  if (S_ISDIR(info.st_mode) && depth < 12) {
    for (const std::string& name : list_folder(path)) walk(path + "/" + name, depth + 1);
  }
  if (!S_ISREG(info.st_mode)) return;
  expect((info.st_mode & (S_ISUID | S_ISGID)) == 0, path + " is set-id");
  expect((info.st_mode & S_IROTH) != 0 || info.st_uid == ::getuid(), path + " is no one's");
  if (info.st_size > static_cast<off_t>(kSmall) || printed > kMostPrinted) return;
  const std::string text = read_file(path);
  printed += text.size();
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int run(unsigned) {
  expect_only("/", kInRoot);
  expect_only("/etc", kInEtc);
  constexpr const char* kCertificates[] = {"certs"};
  constexpr const char* kJava[] = {"java"};
  constexpr const char* kTmp[] = {"tmp"};
  expect_only("/etc/ssl", kCertificates);
  expect_only("/etc/ssl/certs", kJava);
  expect_only("/var", kTmp);
  for (const char* empty : {"/run", "/tmp", "/var/tmp", "/dev/shm"}) expect_only(empty, {});
  constexpr const char* kOwn[] = {"attack"};
  expect_only("/box", kOwn);
  for (const char* folder : {"/etc", "/var", "/run", "/tmp", "/dev/shm"}) walk(folder, 0);
  // Of /proc/self what ends by itself.
  for (const char* name :
       {"environ",     "cmdline",     "status",         "stat",        "mountinfo", "mounts",
        "mountstats",  "cgroup",      "maps",           "limits",      "io",        "sched",
        "wchan",       "personality", "timens_offsets", "uid_map",     "gid_map",   "net/unix",
        "net/tcp",     "net/tcp6",    "net/udp",        "net/route",   "net/arp",   "net/dev",
        "net/netlink", "net/packet",  "net/sockstat",   "net/if_inet6"}) {
    std::fputs(read_file("/proc/self/" + std::string(name)).c_str(), stdout);
  }
  // A spot of /usr: it is the host's, as everyone may read it, and nothing of it can be changed.
  for (const char* path : {"/usr", "/usr/bin", "/usr/lib", "/usr/share", "/etc", "/"}) {
    expect_refused(::mkdir((std::string(path) + "/retort-new").c_str(), 0700),
                   {EROFS},
                   std::string("make a folder in ") + path);
  }
  for (const char* path : {"/usr/bin/env", "/etc/passwd", "/etc/ld.so.cache"})
    expect_refused(::open(path, O_WRONLY | O_CLOEXEC), {EROFS}, std::string("write ") + path);
  return verdict();
}

const Enrol kAttack{
    {.id = "E12", .what = "every file that can be seen", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
