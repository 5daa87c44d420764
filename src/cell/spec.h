// Spec: what the keeper tells retort-init to build, and what retort-init answers. Fixed layouts
// over SOCK_SEQPACKET.
#pragma once

#include <cstdint>

#include "cell/facts.h"
#include "cell/limits.h"

namespace retort::cell {

// Ids as the cell sees them.
constexpr unsigned kInitId = 0;
constexpr unsigned kProgramId = 1000;
constexpr unsigned kNobodyId = 65534;

// Keeper to init, once, with descriptors: the bundle, what is to be /dev (has_devices), what is to
// be /dev/pts (terminal).
struct InitSpec {
  std::uint64_t disk_bytes = 0;
  std::uint64_t disk_inodes = 0;
  std::uint64_t stack_bytes = 0;
  std::uint64_t file_size_bytes = 0;
  // RLIMIT_CPU: a backstop, and the only bound where there is no control group.
  std::uint64_t cpu_seconds = 0;
  std::uint32_t open_files = 0;
  // RLIMIT_NPROC; 0: leave it (the id is shared with processes outside).
  std::uint32_t processes = 0;
  std::uint32_t add_ons = 0;
  std::uint32_t first_id = kInitId;       // of retort-init, inside
  std::uint32_t program_id = kProgramId;  // of the program, inside
  Network network = Network::none;
  std::uint8_t own_devices = 0;  // its nodes are the cell's own (devices.h)
  std::uint8_t terminal = 0;     // 0, 1 and 2 are one, and it is to be the session's
  std::uint8_t reserved[1] = {};
  [[nodiscard]] bool has_devices() const { return own_devices != 0 || terminal != 0; }
};

enum class Word : std::uint32_t {
  ready = 1,  // init: all is made; with three descriptors: the writable folder, the start pipe, and
              // a pidfd of the program
  failed,     // init: step, index, errno
  ended,      // init: the program is gone
};

struct InitWord {
  Word word = Word::failed;
  Step step = Step::none;
  std::uint16_t index = 0;
  std::int32_t error_number = 0;
  std::int32_t code = 0;  // exit code or signal
  std::uint8_t signaled = 0;
  std::uint8_t reserved[3] = {};
  std::uint64_t ended_at_us = 0;  // by the keeper's monotonic clock
  // Of every process that init has reaped: the estimate where there is no control group.
  std::uint64_t cpu_user_us = 0;
  std::uint64_t cpu_system_us = 0;
  std::uint64_t memory_peak_bytes = 0;
};

// The descriptors that retort-init is started with, besides the program's 0, 1 and 2.
constexpr int kInitSocket = 3;
// Those of the collector.
constexpr int kCollectFolder = 3;  // the writable folder
constexpr int kCollectBundle = 4;  // the bundle that names what is wanted

// main() of apps/retort-init.cc: process 1 of a cell ("retort-init"), the collector ("retort-init
// collect N M", at most N bytes in M entries), or the same process when it only looks whether any
// file has reached N bytes ("retort-init measure N", which ends with kFoundLarge when one has).
int run_init();
int run_collector(std::uint64_t most_bytes, std::uint64_t most_entries);
int run_measure(std::uint64_t bytes);
constexpr int kFoundLarge = 10;

}  // namespace retort::cell
