// Frames: the protocol between a client (the command line, the server) and the keeper. Fixed
// layouts over SOCK_SEQPACKET, one message a frame; descriptors travel with them. The keeper parses
// nothing else.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "cell/facts.h"
#include "cell/limits.h"

namespace retort::keeper {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kLargestFrame = 1024;
// Files and folders that one cell's collector sends back.
constexpr std::uint64_t kMostCollectedEntries = 10'000;

enum class Kind : std::uint32_t {
  hello = 1,  // keeper: it serves
  start,      // client: run a bundle in a new cell; one descriptor, the sealed bundle
  started,    // keeper: its streams, as descriptors: stdin, stdout, stderr, or else the one master
              // of its terminal; then the collected files, if there will be any
  cancel,     // client: end it
  ended,      // keeper: the last word on a cell
  refused,    // keeper: it did not begin; id 0: of no cell
  signal,     // client: send the program a signal
};

struct FrameHeader {
  Kind kind = Kind::hello;
  std::uint32_t version = kVersion;
  std::uint64_t id = 0;  // the client's number for the cell
};

struct HelloFrame {
  FrameHeader header{.kind = Kind::hello};
  std::uint32_t unenforceable = 0;  // bit per Limit that this host cannot keep for this user
  std::uint32_t group_version = 0;  // 0, 1 or 2
  std::uint32_t instance = 0;
  std::uint8_t single_id = 0;  // everything in a cell has the user's own id
  std::uint8_t reserved[3] = {};
  char reason[512] = {};  // why limits are unenforceable, and how to mend it
};

struct StartFrame {
  FrameHeader header{.kind = Kind::start};
  std::uint64_t cpu_time_us = 0;
  std::uint64_t wall_time_us = 0;
  std::uint64_t extra_time_us = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t stack_bytes = 0;
  std::uint64_t file_size_bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t collect_bytes = 0;
  std::uint64_t collect_entries = 0;
  std::uint32_t disk_inodes = 0;
  std::uint32_t processes = 0;
  std::uint32_t open_files = 0;
  std::uint32_t add_ons = 0;
  std::uint32_t allow_unenforced = 0;  // bit per Limit
  std::uint32_t image = 0;             // 0: the host's own /usr
  std::uint8_t network = 0;
  std::uint8_t collect = 0;
  // Of its terminal, 1 to kernel::TerminalSize::kMost; both 0: pipes.
  std::uint16_t terminal_rows = 0;
  std::uint16_t terminal_columns = 0;
  std::uint8_t reserved[2] = {};
};

struct StartedFrame {
  FrameHeader header{.kind = Kind::started};
};

struct CancelFrame {
  FrameHeader header{.kind = Kind::cancel};
};

struct SignalFrame {
  FrameHeader header{.kind = Kind::signal};
  std::int32_t number = 0;  // one of cell::kSendableSignals
  std::uint8_t reserved[4] = {};
};

struct EndedFrame {
  FrameHeader header{.kind = Kind::ended};
  cell::Facts facts;
};

struct RefusedFrame {
  FrameHeader header{.kind = Kind::refused};
  std::uint32_t fault = 0;  // base::Fault
  std::int32_t error_number = 0;
  char text[512] = {};
};

// A start frame for these limits, and the limits of a start frame; the second checks every value
// against the built-in bounds, since the frame comes from outside the keeper.
StartFrame make_start_frame(const cell::Limits& limits);
base::Result<cell::Limits> limits_of(const StartFrame& frame);

// Text into a frame's fixed array, cut when it is too long.
void put_text(std::span<char> array, std::string_view text);
// Text out of one; a missing terminator is no harm.
std::string get_text(std::span<const char> array);

// The kind of a message that came, if its length is that of its kind and its version is ours.
base::Result<Kind> check_frame(std::span<const std::byte> bytes);

}  // namespace retort::keeper
