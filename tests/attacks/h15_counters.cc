// H15c: counters of the kernel that no namespace divides, as channels. As in H15 one cell sends a
// bit in each slot of time, and the other looks in its middle.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::system_clock;

constexpr auto kSlot = 100ms;
constexpr unsigned kSlots = 60;

struct Channel {
  const char* name;
  void (*send)(bool bit);
  double (*look)();
};

void send_processes(bool bit) {
  static std::vector<pid_t> children;
  while (bit && children.size() < 24) children.push_back(spawn([] { return ::pause(); }));
  while (!bit && !children.empty()) {
    ::kill(children.back(), SIGKILL);
    wait_for(children.back());
    children.pop_back();
  }
}
double look_processes() {
  struct sysinfo info{};
  ::sysinfo(&info);
  return info.procs;
}

void send_sockets(bool bit) {
  static std::vector<int> sockets;
  while (bit && sockets.size() < 200)
    sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  while (!bit && !sockets.empty()) {
    ::close(sockets.back());
    sockets.pop_back();
  }
}
double look_sockets() {
  const std::string text = read_file("/proc/self/net/sockstat");
  const auto at = text.find("alloc ");
  return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + 6, nullptr);
}

// Numbers of pipes come from one counter, in blocks of 1024 for each processor.
void send_pipes(bool bit) {
  for (int i = 0; bit && i < 4096; ++i) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) return;
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
}
double look_pipes() {
  // Enough of them to be given a new block.
  static double last = 0;
  struct stat info{};
  double highest = 0;
  for (int i = 0; i < 1100; ++i) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) return 0;
    ::fstat(pipe[0], &info);
    highest = std::max(highest, static_cast<double>(info.st_ino));
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
  const double more = highest - last;
  last = highest;
  return more;
}

// What the processors have received of any network, in every namespace's file.
int loopback_sender() {
  static const int kSocket = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return kSocket;
}
void send_packets(bool bit) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; bit && i < 600; ++i)
    (void)::sendto(loopback_sender(), "", 0, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}
double look_packets() {
  static double last = 0;
  double all = 0;
  std::istringstream lines(read_file("/proc/self/net/softnet_stat"));
  for (std::string line; std::getline(lines, line);)
    all += static_cast<double>(std::strtoull(line.c_str(), nullptr, 16));
  const double more = all - last;
  last = all;
  return more;
}

// Linux 6.9 and later number what pidfd_open(2) gives by one counter.
void send_pidfds(bool bit) {
  for (int i = 0; bit && i < 12; ++i) wait_for(spawn([] { return 0; }));
}
double look_pidfds() {
  static double last = 0;
  const pid_t child = spawn([] { return 0; });
  const auto descriptor = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  wait_for(child);
  struct stat info{};
  if (descriptor < 0 || ::fstat(descriptor, &info) != 0) return 0;
  ::close(descriptor);
  const double more = static_cast<double>(info.st_ino) - last;
  last = static_cast<double>(info.st_ino);
  return more;
}

// What the whole machine holds in tmpfs, by the page.
void send_shared_memory(bool bit) {
  static const int kFile = ::open("/tmp/shared", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const std::string pages(1U << 20U, 'x');
  if (bit)
    (void)::pwrite(kFile, pages.data(), pages.size(), 0);
  else
    (void)::ftruncate(kFile, 0);
}
double look_shared_memory() {
  struct sysinfo info{};
  ::sysinfo(&info);
  return static_cast<double>(info.sharedram);
}

constexpr Channel kChannels[] = {{"sysinfo-processes", send_processes, look_processes},
                                 {"tcp-sockets", send_sockets, look_sockets},
                                 {"pipe-numbers", send_pipes, look_pipes},
                                 {"packets", send_packets, look_packets},
                                 {"pidfd-numbers", send_pidfds, look_pidfds},
                                 {"sysinfo-shared-memory", send_shared_memory, look_shared_memory}};

bool bit_of(std::int64_t slot, std::size_t channel) {
  auto mixed = (static_cast<std::uint64_t>(slot) + 1) * 0x9E37'79B9'7F4A'7C15U + channel;
  mixed ^= mixed >> 29U;
  mixed *= 0xBF58'476D'1CE4'E5B9U;
  return (mixed >> 40U & 1U) != 0;
}

void at_slots(unsigned count, Clock::duration into, const std::function<void(std::int64_t)>& work) {
  const std::int64_t first = Clock::now().time_since_epoch() / kSlot + 6;
  for (std::int64_t slot = first; slot < first + count; ++slot) {
    std::this_thread::sleep_until(Clock::time_point(slot * kSlot + into));
    work(slot);
  }
}

int run(unsigned place) {
  if (place != 0) {
    at_slots(kSlots + 30, 0ms, [](std::int64_t slot) {
      for (std::size_t i = 0; i < std::size(kChannels); ++i) kChannels[i].send(bit_of(slot, i));
    });
    for (const Channel& channel : kChannels) channel.send(false);
    return 0;
  }
  // What is over the median is a one.
  std::vector<double> seen[std::size(kChannels)];
  std::vector<bool> sent[std::size(kChannels)];
  at_slots(kSlots, kSlot / 2, [&](std::int64_t slot) {
    for (std::size_t i = 0; i < std::size(kChannels); ++i) {
      seen[i].push_back(kChannels[i].look());
      sent[i].push_back(bit_of(slot, i));
    }
  });
  for (std::size_t i = 0; i < std::size(kChannels); ++i) {
    auto sorted = seen[i];
    std::ranges::sort(sorted);
    const double middle = sorted[sorted.size() / 2];
    // A zero has the same figure again and again where it is quiet: both sides of the median count.
    unsigned above = 0;
    unsigned from = 0;
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      above += (seen[i][slot] > middle) == sent[i][slot] ? 1 : 0;
      from += (seen[i][slot] >= middle) == sent[i][slot] ? 1 : 0;
    }
    const unsigned right = std::max(above, from);
    std::printf("note: channel %s: %u of %u bits right, at %ld bit/s\n",
                kChannels[i].name,
                right,
                kSlots,
                static_cast<long>(1s / kSlot));
  }
  return 0;
}

const Enrol kAttack{{.id = "H15c",
                     .what = "covert channels through counters that no namespace divides",
                     .run = run,
                     .limits = {"cpu_time=10s", "wall_time=20s"},
                     .cells = {.count = 2, .order = Cells::Order::together}}};

}  // namespace
}  // namespace retort::attacks
