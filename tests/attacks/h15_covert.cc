// H15: two cells that want to talk. One sends a bit in each slot of time by every means that it
// has; the other looks in the middle of the slot. Both know which bits they should be, so that
// whoever hears more than chance has a channel. Slots are numbered by the wall clock, which cells
// share.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include <mqueue.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::system_clock;

constexpr auto kSlot = 30ms;
constexpr unsigned kSlots = 72;
// Of 72 guesses 58 are right once in ten million.
constexpr unsigned kMoreThanChance = 58;
constexpr const char* kImage = "/usr/bin/env";
constexpr const char* kLarge = "/usr/bin/perl";

// A means: `send` puts a bit where it may be seen, `look` reads it.
struct Channel {
  const char* name;
  void (*send)(bool bit);
  bool (*look)();
};

int image_file() {
  static const int kFile = ::open(kImage, O_RDONLY | O_CLOEXEC);
  return kFile;
}

void send_flock(bool bit) {
  (void)::flock(image_file(), bit ? LOCK_EX | LOCK_NB : LOCK_UN);
}
bool look_flock() {
  const int file = ::open(kImage, O_RDONLY | O_CLOEXEC);
  const bool taken = ::flock(file, LOCK_EX | LOCK_NB) != 0;
  ::close(file);
  return taken;
}

void send_lock(bool bit) {
  struct flock lock{};
  lock.l_type = static_cast<short>(bit ? F_RDLCK : F_UNLCK);
  (void)::fcntl(image_file(), F_OFD_SETLK, &lock);
}
bool look_lock() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  const int file = ::open(kImage, O_RDONLY | O_CLOEXEC);
  const bool taken = ::fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(file);
  return taken;
}

sockaddr_un name_of_cells() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  constexpr std::string_view kName = "retort-h15";
  std::ranges::copy(kName, &address.sun_path[1]);
  return address;
}
int bound_name() {
  const sockaddr_un address = name_of_cells();
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return socket;
  ::close(socket);
  return -1;
}
void send_name(bool bit) {
  static int held = -1;
  if (bit && held < 0) held = bound_name();
  if (!bit && held >= 0) ::close(std::exchange(held, -1));
}
bool look_name() {
  const int socket = bound_name();
  ::close(socket);
  return socket < 0;
}

int bound_port() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(4151);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return socket;
  ::close(socket);
  return -1;
}
void send_port(bool bit) {
  static int held = -1;
  if (bit && held < 0) held = bound_port();
  if (!bit && held >= 0) ::close(std::exchange(held, -1));
}
bool look_port() {
  const int socket = bound_port();
  ::close(socket);
  return socket < 0;
}

void send_file(bool bit) {
  if (bit) {
    (void)write_file("/dev/shm/retort-h15", "1");
  } else {
    ::unlink("/dev/shm/retort-h15");
  }
}
bool look_file() {
  return ::access("/dev/shm/retort-h15", F_OK) == 0;
}

constexpr key_t kKey = 0x5254'0015;
void send_key(bool bit) {
  static int held = -1;
  if (bit && held < 0) held = ::shmget(kKey, 4096, IPC_CREAT | 0666);
  if (!bit && held >= 0) ::shmctl(std::exchange(held, -1), IPC_RMID, nullptr);
}
bool look_key() {
  return ::shmget(kKey, 0, 0) >= 0;
}

void send_queue(bool bit) {
  if (bit) {
    ::mq_close(::mq_open("/retort-h15", O_RDWR | O_CREAT, 0666, nullptr));
  } else {
    ::mq_unlink("/retort-h15");
  }
}
bool look_queue() {
  const mqd_t queue = ::mq_open("/retort-h15", O_RDONLY);
  if (queue >= 0) ::mq_close(queue);
  return queue >= 0;
}

void send_fullness(bool bit) {
  static const int kFile = ::open("/tmp/full", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  (void)::ftruncate(kFile, 0);
  if (bit) (void)::posix_fallocate(kFile, 0, 8 << 20);
}
bool look_fullness() {
  struct statvfs info{};
  ::statvfs("/var/tmp", &info);
  return (info.f_blocks - info.f_bfree) * info.f_bsize > 6U << 20U;
}

// Process numbers: a sender that makes many makes the receiver's next one higher.
void send_processes(bool bit) {
  for (int i = 0; bit && i < 12; ++i) wait_for(spawn([] { return 0; }));
}
bool look_processes() {
  static pid_t last = 0;
  const pid_t child = spawn([] { return 0; });
  wait_for(child);
  return child - std::exchange(last, child) > 4;
}

// Times of access.
void send_access(bool bit) {
  char byte = 0;
  if (bit) (void)::pread(image_file(), &byte, 1, 0);
}
bool look_access() {
  static timespec last{};
  struct stat info{};
  ::stat(kImage, &info);
  const bool later = info.st_atim.tv_sec != last.tv_sec || info.st_atim.tv_nsec != last.tv_nsec;
  last = info.st_atim;
  return later;
}

// Whether a page of the image is in memory: put out and fetched by one, asked about by the other.
constexpr off_t kPage = 300L * 4096;
void send_cached(bool bit) {
  static const int kFile = ::open(kLarge, O_RDONLY | O_CLOEXEC);
  char byte = 0;
  ::posix_fadvise(kFile, 0, 0, POSIX_FADV_RANDOM);
  if (bit) {
    (void)::pread(kFile, &byte, 1, kPage);
  } else {
    ::posix_fadvise(kFile, kPage, 4096, POSIX_FADV_DONTNEED);
  }
}
bool look_cached() {
  static const int kFile = ::open(kLarge, O_RDONLY | O_CLOEXEC);
  // The kernel counts the faults for which it had to read.
  const auto faults = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_majflt;
  };
  const long before = faults();
  void* page = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, kFile, kPage);
  ::madvise(page, 4096, MADV_RANDOM);
  (void)*static_cast<volatile char*>(page);
  ::munmap(page, 4096);
  return faults() == before;
}

constexpr Channel kChannels[] = {{"flock", send_flock, look_flock},
                                 {"record-lock", send_lock, look_lock},
                                 {"abstract-name", send_name, look_name},
                                 {"port", send_port, look_port},
                                 {"shm-file", send_file, look_file},
                                 {"sysv-key", send_key, look_key},
                                 {"mqueue", send_queue, look_queue},
                                 {"tmpfs-fullness", send_fullness, look_fullness},
                                 {"process-numbers", send_processes, look_processes},
                                 {"access-time", send_access, look_access},
                                 {"page-cache", send_cached, look_cached}};

// The bit of a slot: what both know, and no other program of the host does by chance.
bool bit_of(std::int64_t slot, std::size_t channel) {
  auto mixed = (static_cast<std::uint64_t>(slot) + 1) * 0x9E37'79B9'7F4A'7C15U + channel;
  mixed ^= mixed >> 29U;
  mixed *= 0xBF58'476D'1CE4'E5B9U;
  return (mixed >> 40U & 1U) != 0;
}

std::int64_t slot_now() {
  return Clock::now().time_since_epoch() / kSlot;
}
void wait_until(std::int64_t slot, std::chrono::milliseconds into) {
  std::this_thread::sleep_until(Clock::time_point(slot * kSlot + into));
}

int send(std::span<const Channel> channels, unsigned slots) {
  const std::int64_t first = slot_now() + 1;
  for (std::int64_t slot = first; slot < first + slots; ++slot) {
    wait_until(slot, 0ms);
    for (std::size_t i = 0; i < channels.size(); ++i) channels[i].send(bit_of(slot, i));
  }
  return 0;
}

// How many of kSlots bits were heard rightly, for each channel.
std::vector<unsigned> listen(std::span<const Channel> channels) {
  std::vector<unsigned> right(channels.size());
  for (const Channel& channel : channels) (void)channel.look();
  const std::int64_t first = slot_now() + 8;
  for (std::int64_t slot = first; slot < first + kSlots; ++slot) {
    wait_until(slot, kSlot / 2);
    for (std::size_t i = 0; i < channels.size(); ++i)
      right[i] += channels[i].look() == bit_of(slot, i) ? 1 : 0;
  }
  return right;
}

void report(std::span<const Channel> channels, const std::vector<unsigned>& right) {
  for (std::size_t i = 0; i < channels.size(); ++i)
    std::printf("note: channel %s: %u of %u bits right, at %ld bit/s\n",
                channels[i].name,
                right[i],
                kSlots,
                static_cast<long>(1s / kSlot));
}

int run(unsigned place) {
  if (place != 0) return send(kChannels, kSlots + 40);
  const auto right = listen(kChannels);
  report(kChannels, right);
  for (std::size_t i = 0; i < right.size(); ++i) {
    expect(right[i] < kMoreThanChance && right[i] > kSlots - kMoreThanChance,
           std::string(kChannels[i].name) + " carries bits from cell to cell: " +
               std::to_string(right[i]) + " of " + std::to_string(kSlots));
  }
  return verdict();
}

const Enrol kAttack{{.id = "H15",
                     .what = "covert channels between two cells",
                     .run = run,
                     .cells = {.count = 2, .order = Cells::Order::together}}};

// The instruments: within one cell the same two hear each other.
int run_within(unsigned) {
  const pid_t sender = spawn([] { return send(kChannels, kSlots + 40); });
  const auto right = listen(kChannels);
  report(kChannels, right);
  wait_for(sender);
  // On a busy machine slots are missed, and with them bits: what counts is that it hears at all.
  // (Times of access and the page cache are closed to a cell's own processes as well: they have
  // been heard with a filter that let the page go.)
  const auto heard =
      std::ranges::count_if(right, [](unsigned bits) { return bits >= kMoreThanChance; });
  std::printf("note: %ld channels were heard\n", static_cast<long>(heard));
  expect(heard > 0, "nothing is heard within a cell: the instrument is broken");
  return verdict();
}

const Enrol kWithin{{.id = "H15b",
                     .what = "the same within one cell, where they hear each other",
                     .run = run_within}};

}  // namespace
}  // namespace retort::attacks
