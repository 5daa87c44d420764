// Limits: what a stage may use, with units, bounds and the names that people and JSON use.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

namespace retort::cell {

using namespace base;  // NOLINT(google-build-using-namespace): units are the vocabulary of a cell

// What may be reached through the cell's own network namespace.
enum class Network : std::uint8_t {
  none,      // no internet sockets at all
  loopback,  // a loopback interface that only this cell has
};

struct Limits {
  Duration cpu_time{10'000'000};   // user + system of the whole process tree
  Duration wall_time{30'000'000};  // by the monotonic clock, from the program's start
  Duration extra_time{500'000};    // grace past cpu_time before the kill
  ByteSize memory = 512_MiB;  // all memory of the tree, kernel memory and tmpfs included; no swap
  std::optional<ByteSize> stack;       // RLIMIT_STACK; as much as `memory` when not given
  std::uint32_t processes = 128;       // processes and threads at one time
  std::uint32_t open_files = 1024;     // per process
  ByteSize file_size = 128_MiB;        // each file written
  ByteSize disk = 256_MiB;             // bytes in everything that the cell can write
  std::uint32_t disk_inodes = 16'384;  // files and directories there
  ByteSize output = 16_MiB;            // stdout and stderr each
  Network network = Network::loopback;

  [[nodiscard]] ByteSize effective_stack() const { return stack.value_or(memory); }
};

// The defaults of a compile stage: compilers need more of everything but output.
Limits compile_defaults();

// One limit as a name, for `limits_hit` and for settings.
enum class Limit : std::uint8_t {
  cpu_time,
  wall_time,
  extra_time,
  memory,
  stack,
  processes,
  open_files,
  file_size,
  disk,
  disk_inodes,
  output,
  network,
};
constexpr std::size_t kLimitCount = 12;

struct LimitInfo {
  Limit limit;
  std::string_view name;     // as written in settings: "cpu_time"
  std::string_view json;     // as written in JSON, with the unit: "cpu_time_us"
  std::string_view meaning;  // one line for --help and the reference
  std::string_view smallest;
  std::string_view largest;  // the built-in ceiling; no configuration goes over it
};

// Every limit, in the order of `Limit`.
const std::array<LimitInfo, kLimitCount>& limit_infos();
const LimitInfo& info_of(Limit limit);
std::optional<Limit> find_limit(std::string_view name);

// Sets one limit from text with a unit ("cpu_time", "2s"); counts are plain numbers; `network` is
// "none" or "loopback". Errors (Fault::invalid) name the limit and the bound: nothing is clamped,
// and 0 is never "unlimited".
Status set_limit(Limits& limits, std::string_view name, std::string_view text);

// The value of one limit as text that set_limit reads back.
std::string limit_text(const Limits& limits, Limit limit);

// Every value within its built-in bounds? The keeper asks this again of what a client sends.
Status validate(const Limits& limits);

}  // namespace retort::cell
