// Sight modes: what the program is, whom it can reach, and what it can leave behind.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string_view>
#include <utility>

#include <mqueue.h>

#include "probe/probe.h"

namespace retort::probe {
namespace {

int mode_ids(const Words&) {
  std::array<unsigned, 3> user{};
  std::array<unsigned, 3> group{};
  ::getresuid(&user.at(0), &user.at(1), &user.at(2));
  ::getresgid(&group.at(0), &group.at(1), &group.at(2));
  std::printf("uid %u %u %u\ngid %u %u %u\n",
              user.at(0),
              user.at(1),
              user.at(2),
              group.at(0),
              group.at(1),
              group.at(2));
  std::printf("groups %d\n", ::getgroups(0, nullptr));
  std::unique_ptr<FILE, int (*)(FILE*)> status(std::fopen("/proc/self/status", "re"), std::fclose);
  if (!status) return complain("/proc/self/status");
  std::array<char, 256> line{};
  while (std::fgets(line.data(), line.size(), status.get()) != nullptr) {
    const std::string_view text = line.data();
    if (text.starts_with("Cap") || text.starts_with("NoNewPrivs:") ||
        text.starts_with("Seccomp:")) {
      std::printf("%s", line.data());
    }
  }
  return 0;
}

int mode_speculation(const Words&) {
  for (const int kind : {PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH})
    std::printf("%d\n", ::prctl(PR_GET_SPECULATION_CTRL, kind, 0, 0, 0));
  for (const int kind : {PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH})
    answer(::prctl(PR_SET_SPECULATION_CTRL, kind, PR_SPEC_ENABLE, 0, 0) == 0);
  return 0;
}

int mode_hostname(const Words&) {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size()) != 0) return complain("gethostname");
  std::printf("%s\n", name.data());
  return 0;
}

int mode_uptime(const Words&) {
  for (const auto& [clock, name] :
       {std::pair{CLOCK_MONOTONIC, "monotonic"}, {CLOCK_BOOTTIME, "boottime"}}) {
    timespec now{};
    ::clock_gettime(clock, &now);
    std::printf("%s %lld\n", name, static_cast<long long>(now.tv_sec));
  }
  return print_file("/proc/uptime");
}

bool connect_to(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return socket >= 0 &&
         ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

int mode_connect(const Words& words) {
  answer(connect_to(static_cast<std::uint16_t>(number(word(words, 0)))));
  return 0;
}

int mode_connect_loopback(const Words&) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool listening = listener >= 0 &&
                         ::bind(listener, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                         ::listen(listener, 1) == 0 &&
                         ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  answer(listening && connect_to(ntohs(address.sin_port)) &&
         ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC) >= 0);
  return 0;
}

int mode_kill_all(const Words&) {
  answer(::kill(-1, SIGKILL) == 0);
  return 0;
}

int mode_kill_init(const Words&) {
  answer(::kill(1, SIGKILL) == 0);
  return 0;
}

// What would outlast a program if nothing took it away, by name, and how to make it and find it.
struct Trace {
  const char* name;
  bool (*leave)();
  bool (*find)();
};

template <const char* const& kPath>
constexpr Trace file_trace(const char* name) {
  return {.name = name,
          .leave = [] { return make_file(kPath, 1); },
          .find = [] { return ::access(kPath, F_OK) == 0; }};
}

constexpr const char* kTmpPath = "/tmp/trace";
constexpr const char* kVarTmpPath = "/var/tmp/trace";
constexpr const char* kShmPath = "/dev/shm/trace";
constexpr const char* kBoxPath = "/box/trace";
constexpr key_t kTraceKey = 0x7E707;

constexpr std::array kTraces = {
    file_trace<kTmpPath>("tmp"),
    file_trace<kVarTmpPath>("var-tmp"),
    file_trace<kShmPath>("dev-shm"),
    file_trace<kBoxPath>("box"),
    Trace{.name = "shared-memory",
          .leave = [] { return ::shmget(kTraceKey, 4096, IPC_CREAT | 0666) >= 0; },
          .find = [] { return ::shmget(kTraceKey, 0, 0) >= 0; }},
    Trace{.name = "semaphore",
          .leave = [] { return ::semget(kTraceKey, 1, IPC_CREAT | 0666) >= 0; },
          .find = [] { return ::semget(kTraceKey, 0, 0) >= 0; }},
    Trace{.name = "message-queue",
          .leave = [] { return ::msgget(kTraceKey, IPC_CREAT | 0666) >= 0; },
          .find = [] { return ::msgget(kTraceKey, 0) >= 0; }},
    Trace{.name = "posix-queue",
          .leave =
              [] {
                mq_attr attributes{};
                attributes.mq_maxmsg = 1;
                attributes.mq_msgsize = 8;
                return ::mq_open("/trace", O_CREAT | O_RDWR, 0666, &attributes) >= 0;
              },
          .find = [] { return ::mq_open("/trace", O_RDONLY) >= 0; }},
};

int mode_traces(const Words& words) {
  const bool leaves = word(words, 0) == "leave";
  if (!leaves) sleep_for(number(word(words, 1)));
  for (const Trace& trace : kTraces) {
    if (leaves && !trace.leave()) return complain(trace.name);
    if (trace.find()) std::printf("%s\n", trace.name);
  }
  std::fflush(stdout);
  if (leaves) sleep_for(number(word(words, 1)));
  return 0;
}

constexpr std::array kModes = {
    Mode{"ids", "", "prints ids, capabilities, and what binds it", mode_ids},
    Mode{"speculation", "", "prints what is on, and tries to switch it on", mode_speculation},
    Mode{"hostname", "", "prints the host's name", mode_hostname},
    Mode{"uptime", "", "prints the clocks that tell the machine's age", mode_uptime},
    Mode{"connect", "PORT", "connects to 127.0.0.1", mode_connect},
    Mode{"connect-loopback", "", "connects to a port of its own", mode_connect_loopback},
    Mode{"kill-all", "", "kill(-1, SIGKILL)", mode_kill_all},
    Mode{"kill-init", "", "kill(1, SIGKILL)", mode_kill_init},
    Mode{"traces",
         "leave|find MS",
         "leaves what may outlast it and waits, or waits and looks for it",
         mode_traces},
};

}  // namespace

std::span<const Mode> sight_modes() {
  return kModes;
}

}  // namespace retort::probe
