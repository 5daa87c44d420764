// Frames: lengths, versions and bounds, checked in one place.
#include "keeper/frames.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

namespace retort::keeper {

using base::ByteSize;
using base::Duration;
using base::Error;
using base::Fault;
using base::Result;

namespace {

Error malformed(const std::string& what) {
  return Error{Fault::invalid, "keeper frame: " + what, 0};
}

std::size_t length_of(Kind kind) {
  switch (kind) {
    case Kind::hello:
      return sizeof(HelloFrame);
    case Kind::start:
      return sizeof(StartFrame);
    case Kind::started:
      return sizeof(StartedFrame);
    case Kind::cancel:
      return sizeof(CancelFrame);
    case Kind::ended:
      return sizeof(EndedFrame);
    case Kind::refused:
      return sizeof(RefusedFrame);
    case Kind::signal:
      return sizeof(SignalFrame);
  }
  return 0;
}

static_assert(sizeof(HelloFrame) <= kLargestFrame && sizeof(RefusedFrame) <= kLargestFrame &&
              sizeof(EndedFrame) <= kLargestFrame && sizeof(StartFrame) <= kLargestFrame);

}  // namespace

Result<Kind> check_frame(std::span<const std::byte> bytes) {
  FrameHeader header;
  if (bytes.size() < sizeof header) return malformed("too short");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version != kVersion) return malformed("version " + std::to_string(header.version));
  const std::size_t length = length_of(header.kind);
  if (length == 0) return malformed("unknown kind");
  if (bytes.size() != length) return malformed("wrong length");
  return header.kind;
}

StartFrame make_start_frame(const cell::Limits& limits) {
  StartFrame frame;
  frame.cpu_time_us = static_cast<std::uint64_t>(limits.cpu_time.count());
  frame.wall_time_us = static_cast<std::uint64_t>(limits.wall_time.count());
  frame.extra_time_us = static_cast<std::uint64_t>(limits.extra_time.count());
  frame.memory_bytes = limits.memory.bytes();
  frame.stack_bytes = limits.effective_stack().bytes();
  frame.file_size_bytes = limits.file_size.bytes();
  frame.disk_bytes = limits.disk.bytes();
  frame.disk_inodes = limits.disk_inodes;
  frame.processes = limits.processes;
  frame.open_files = limits.open_files;
  frame.network = static_cast<std::uint8_t>(limits.network);
  return frame;
}

Result<cell::Limits> limits_of(const StartFrame& frame) {
  if (frame.network > static_cast<std::uint8_t>(cell::Network::loopback))
    return malformed("unknown network");
  // Bounded before they become signed durations; validate() then knows the exact bounds.
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max());
  for (const std::uint64_t time : {frame.cpu_time_us, frame.wall_time_us, frame.extra_time_us}) {
    if (time > kMost) return malformed("a time out of range");
  }
  cell::Limits limits;
  limits.cpu_time = Duration(static_cast<Duration::rep>(frame.cpu_time_us));
  limits.wall_time = Duration(static_cast<Duration::rep>(frame.wall_time_us));
  limits.extra_time = Duration(static_cast<Duration::rep>(frame.extra_time_us));
  limits.memory = ByteSize::of_bytes(frame.memory_bytes);
  limits.stack = ByteSize::of_bytes(frame.stack_bytes);
  limits.file_size = ByteSize::of_bytes(frame.file_size_bytes);
  limits.disk = ByteSize::of_bytes(frame.disk_bytes);
  limits.disk_inodes = frame.disk_inodes;
  limits.processes = frame.processes;
  limits.open_files = frame.open_files;
  limits.network = static_cast<cell::Network>(frame.network);
  RETORT_CHECK(cell::validate(limits));
  return limits;
}

void put_text(std::span<char> array, std::string_view text) {
  const std::size_t count = std::min(text.size(), array.size() - 1);
  std::memcpy(array.data(), text.data(), count);
  array[count] = '\0';
}

std::string get_text(std::span<const char> array) {
  const auto end = std::ranges::find(array, '\0');
  return std::string(array.begin(), end);
}

}  // namespace retort::keeper
