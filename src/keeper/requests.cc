// Requests: every field of a start frame is checked here, and copied out of it only then.
#include "keeper/requests.h"

#include <cstring>

#include "cell/filter.h"
#include "cell/signals.h"
#include "keeper/frames.h"

namespace retort::keeper {

using base::Error;
using base::Fault;
using base::Result;

namespace {

Result<StartRequest> read_start(const StartFrame& frame, std::size_t descriptors) {
  if (frame.header.id == 0) return Error{Fault::invalid, "keeper: a start wants an id", 0};
  if (descriptors != 1) return Error{Fault::invalid, "keeper: a start wants one descriptor", 0};
  if (frame.image != 0) return Error{Fault::invalid, "keeper: no such image", 0};
  if ((frame.add_ons & ~cell::kAllAddOns) != 0)
    return Error{Fault::invalid, "keeper: no such add-on", 0};
  RETORT_TRY(const auto limits, limits_of(frame));
  if (frame.collect_bytes > limits.disk.bytes() || frame.collect_entries > kMostCollectedEntries)
    return Error{Fault::invalid, "keeper: more is to be collected than may be", 0};
  std::optional<kernel::TerminalSize> terminal;
  if (frame.terminal_rows != 0 || frame.terminal_columns != 0) {
    terminal = {.rows = frame.terminal_rows, .columns = frame.terminal_columns};
    if (!terminal->is_valid()) return Error{Fault::invalid, "keeper: no such terminal", 0};
  }
  return StartRequest{.id = frame.header.id,
                      .cell = {.limits = limits,
                               .add_ons = frame.add_ons,
                               .collect = frame.collect != 0,
                               .collect_bytes = frame.collect_bytes,
                               .collect_entries = frame.collect_entries,
                               .terminal = terminal},
                      .allow_unenforced = frame.allow_unenforced};
}

}  // namespace

Result<Request> read_request(std::span<const std::byte> bytes, std::size_t descriptors) {
  RETORT_TRY(const Kind kind, check_frame(bytes));
  if (kind == Kind::cancel) {
    CancelFrame frame;
    std::memcpy(&frame, bytes.data(), sizeof frame);
    return CancelRequest{.id = frame.header.id};
  }
  if (kind == Kind::signal) {
    SignalFrame frame;
    std::memcpy(&frame, bytes.data(), sizeof frame);
    if (cell::is_sendable(frame.number))
      return SignalRequest{.id = frame.header.id, .number = frame.number};
    return BadRequest{.why = Error{Fault::invalid, "keeper: no signal that may be sent", 0}};
  }
  if (kind != Kind::start) return Error{Fault::invalid, "keeper frame: not a client's", 0};
  StartFrame frame;
  std::memcpy(&frame, bytes.data(), sizeof frame);
  auto start = read_start(frame, descriptors);
  if (!start) return BadRequest{.id = frame.header.id, .why = std::move(start).error()};
  return *std::move(start);
}

}  // namespace retort::keeper
