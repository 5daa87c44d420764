// Frames: any bytes as a frame, as the keeper and its client read them.
#include "keeper/frames.h"

#include <cstring>

#include "fuzz/fuzz.h"
#include "kernel/socket.h"

namespace retort::keeper {
namespace {

using fuzz::require;

template <typename Frame>
Frame read_frame(std::span<const std::byte> bytes) {
  Frame frame;
  require(bytes.size() == sizeof frame, "a frame has the length of its kind");
  std::memcpy(&frame, bytes.data(), sizeof frame);
  return frame;
}

void check_start(const StartFrame& frame) {
  const auto limits = limits_of(frame);
  if (!limits) {
    require(fuzz::is_plain(limits.error().what), "a refusal is fit for a terminal");
    return;
  }
  require(cell::validate(*limits).has_value(), "limits that are taken are within their bounds");
  StartFrame again = make_start_frame(*limits);
  const auto back = limits_of(again);
  require(back.has_value(), "limits that are taken can be sent on");
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    require(cell::limit_text(*limits, info.limit) == cell::limit_text(*back, info.limit),
            "limits stay what they are");
  }
  // What is no limit is not the frame maker's.
  again.header = frame.header;
  again.collect_bytes = frame.collect_bytes;
  again.collect_entries = frame.collect_entries;
  again.add_ons = frame.add_ons;
  again.allow_unenforced = frame.allow_unenforced;
  again.image = frame.image;
  again.collect = frame.collect;
  again.terminal_rows = frame.terminal_rows;
  again.terminal_columns = frame.terminal_columns;
  std::memcpy(again.reserved, frame.reserved, sizeof again.reserved);
  require(std::memcmp(&again, &frame, sizeof frame) == 0, "limits are those of the frame");
}

template <typename Frame>
void check_text(std::span<const char> field, Frame& frame, char (Frame::*other)[512]) {
  const std::string text = get_text(field);
  require(text.size() <= field.size() && text.find('\0') == std::string::npos,
          "a text ends in its field");
  put_text(frame.*other, text);
  require(get_text(frame.*other) == text.substr(0, sizeof(frame.*other) - 1),
          "a text comes back, but for what does not fit");
}

}  // namespace
}  // namespace retort::keeper

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::keeper;  // NOLINT(google-build-using-namespace)
  const auto bytes = retort::fuzz::bytes_of(data, size);
  const auto kind = check_frame(bytes);
  if (!kind) return 0;
  switch (*kind) {
    case Kind::hello: {
      auto hello = read_frame<HelloFrame>(bytes);
      check_text(hello.reason, hello, &HelloFrame::reason);
      break;
    }
    case Kind::start:
      check_start(read_frame<StartFrame>(bytes));
      break;
    case Kind::refused: {
      auto refused = read_frame<RefusedFrame>(bytes);
      check_text(refused.text, refused, &RefusedFrame::text);
      break;
    }
    case Kind::started:
      (void)read_frame<StartedFrame>(bytes);
      break;
    case Kind::cancel:
      (void)read_frame<CancelFrame>(bytes);
      break;
    case Kind::signal:
      (void)read_frame<SignalFrame>(bytes);
      break;
    case Kind::ended:
      retort::fuzz::require(bytes.size() == sizeof(EndedFrame),
                            "a frame has the length of its kind");
      break;
  }
  return 0;
}
