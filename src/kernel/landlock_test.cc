// Landlock: each rule by executing it, in a child of its own.
#include "kernel/landlock.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>

#include <gtest/gtest.h>

#include "kernel/credentials.h"

namespace retort::kernel {
namespace {

int version() {
  return landlock_version().value_or(0);
}

class Landlock : public ::testing::Test {
 protected:
  void SetUp() override {
    if (version() == 0) GTEST_SKIP() << "this kernel has no Landlock";
    char name[] = "/tmp/retort-landlock-XXXXXX";
    root_ = ::mkdtemp(name);
    for (const char* folder : {"/read", "/write", "/device"})
      ::mkdir((root_ + folder).c_str(), 0755);
    for (const char* file : {"/read/a", "/write/a", "/device/a"}) {
      ::close(::open((root_ + file).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    }
  }
  void TearDown() override {
    for (const char* file : {"/read/a", "/write/a", "/write/b", "/device/a"})
      ::unlink((root_ + file).c_str());
    for (const char* folder : {"/read", "/write", "/device", ""}) ::rmdir((root_ + folder).c_str());
  }

  // The errno that `attempt` ends with when it is restricted; 0 when it succeeds.
  int restricted(const std::function<long()>& attempt, int level = version()) {
    const pid_t child = ::fork();
    if (child == 0) {
      const LandlockRules rules{.readable = {root_ + "/read"},
                                .writable = {root_ + "/write"},
                                .rewritable = {root_ + "/device"},
                                .writable_descriptors = {}};
      if (!forbid_new_privileges() || !restrict_with_landlock(rules, level)) ::_exit(255);
      ::_exit(attempt() < 0 ? errno : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  }
  int open_as(const char* path, int flags) {
    return restricted([&] { return ::open((root_ + path).c_str(), flags | O_CLOEXEC, 0644); });
  }

  std::string root_;
};

TEST_F(Landlock, LetsReadableFoldersBeReadOnly) {
  EXPECT_EQ(open_as("/read/a", O_RDONLY), 0);
  EXPECT_EQ(open_as("/read/a", O_WRONLY), EACCES);
  EXPECT_EQ(open_as("/read/b", O_WRONLY | O_CREAT), EACCES);
}

TEST_F(Landlock, LetsWritableFoldersBeWritten) {
  EXPECT_EQ(open_as("/write/a", O_RDWR | O_TRUNC), 0);
  EXPECT_EQ(open_as("/write/b", O_WRONLY | O_CREAT), 0);
}

TEST_F(Landlock, LetsNothingBeMadeInRewritableFolders) {
  EXPECT_EQ(open_as("/device/a", O_RDWR), 0);
  EXPECT_EQ(open_as("/device/b", O_WRONLY | O_CREAT), EACCES);
}

TEST_F(Landlock, HidesTheContentsOfAllElse) {
  EXPECT_EQ(restricted([] { return ::open("/etc/passwd", O_RDONLY | O_CLOEXEC); }), EACCES);
}

TEST_F(Landlock, MakesNoDevices) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root could make one anyway";
  EXPECT_EQ(
      restricted([&] { return ::mknod((root_ + "/write/b").c_str(), S_IFCHR | 0600, 0x103); }),
      EACCES);
}

TEST_F(Landlock, KeepsSignalsInside) {
  if (version() < 6) GTEST_SKIP() << "Landlock " << version() << " knows no signals";
  EXPECT_EQ(restricted([] { return ::kill(::getppid(), 0); }), EPERM);
}

TEST_F(Landlock, KeepsTcpAway) {
  if (version() < 4) GTEST_SKIP() << "Landlock " << version() << " knows no TCP";
  EXPECT_EQ(restricted([] {
              const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
              if (socket < 0) return -1;
              const sockaddr_in address{.sin_family = AF_INET,
                                        .sin_port = 0,
                                        .sin_addr = {htonl(INADDR_LOOPBACK)},
                                        .sin_zero = {}};
              return ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
            }),
            EACCES);
}

TEST_F(Landlock, WorksWithEveryOlderVersion) {
  for (int level = 1; level <= version(); ++level) {
    EXPECT_EQ(restricted([&] { return ::open((root_ + "/read/a").c_str(), O_WRONLY | O_CLOEXEC); },
                         level),
              EACCES)
        << level;
  }
}

}  // namespace
}  // namespace retort::kernel
