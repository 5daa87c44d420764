// Keeper: a client that sends what it likes, message after message, through a real socket. A
// message of the input is a byte (how many descriptors go with it), two bytes (its length, the low
// one first) and that many bytes.
#include <fcntl.h>

#include <cstring>
#include <vector>

#include "cell/filter.h"
#include "cell/signals.h"
#include "fuzz/fuzz.h"
#include "keeper/frames.h"
#include "keeper/requests.h"
#include "kernel/files.h"
#include "kernel/socket.h"

namespace retort::keeper {
namespace {

using base::Fd;
using fuzz::require;

constexpr std::size_t kPrefix = 3;

void check_start(const StartRequest& start, const StartFrame& frame, std::size_t descriptors) {
  require(start.id != 0 && start.id == frame.header.id, "a start has the id that was sent");
  require(descriptors == 1, "a start comes with its bundle and nothing else");
  require(cell::validate(start.cell.limits).has_value(), "a start is within all bounds");
  require(start.cell.limits.network == cell::Network::none ||
              start.cell.limits.network == cell::Network::loopback,
          "a start asks for a network that there is");
  require((start.cell.add_ons & ~cell::kAllAddOns) == 0, "a start asks for add-ons that there are");
  require(!start.cell.terminal || start.cell.terminal->is_valid(), "a terminal can be");
  require(frame.image == 0, "a start asks for an image that there is");
  require(start.cell.unenforced == 0, "a client does not say what is not enforced");
}

void check_request(const Request& request, const kernel::Message& message) {
  FrameHeader header;
  require(message.bytes.size() >= sizeof header, "a request has a header");
  std::memcpy(&header, message.bytes.data(), sizeof header);
  require(header.version == kVersion, "a request is of our version");
  if (const auto* const start = std::get_if<StartRequest>(&request)) {
    StartFrame frame;
    require(message.bytes.size() == sizeof frame, "a start is a whole frame");
    std::memcpy(&frame, message.bytes.data(), sizeof frame);
    check_start(*start, frame, message.descriptors.size());
  } else if (const auto* const cancel = std::get_if<CancelRequest>(&request)) {
    require(header.kind == Kind::cancel && cancel->id == header.id, "a cancel is what was sent");
  } else if (const auto* const word = std::get_if<SignalRequest>(&request)) {
    require(header.kind == Kind::signal && word->id == header.id, "a signal is what was sent");
    require(cell::is_sendable(word->number), "a signal is one that may be sent");
  } else if (const auto* const bad = std::get_if<BadRequest>(&request)) {
    require(bad->id == (header.kind == Kind::start ? header.id : 0), "a refusal answers a start");
    require(header.kind == Kind::start || header.kind == Kind::signal, "no more can be refused");
    require(!bad->why.what.empty() && fuzz::is_plain(bad->why.what), "a refusal says why");
  }
}

int lowest_free_descriptor() {
  return Fd(::fcntl(0, F_DUPFD_CLOEXEC, 0)).get();
}

// Until the input ends, or the keeper would end the talk.
void talk(std::span<const std::byte> input) {
  auto sockets = kernel::make_socket_pair();
  require(sockets.has_value(), "there are sockets");
  while (input.size() >= kPrefix) {
    const std::vector<int> given(std::to_integer<std::size_t>(input[0]) % 9, sockets->theirs.get());
    const std::size_t wanted =
        std::to_integer<std::size_t>(input[1]) | std::to_integer<std::size_t>(input[2]) << 8U;
    const auto sent = input.subspan(kPrefix, std::min(wanted, input.size() - kPrefix));
    input = input.subspan(kPrefix + sent.size());
    if (sent.empty()) return;
    require(kernel::send_message(sockets->theirs, sent, given).has_value(), "a client can send");
    const auto message = kernel::receive_message(sockets->ours, kLargestFrame);
    require(message.has_value() == (sent.size() <= kLargestFrame), "larger messages are refused");
    if (!message) return;
    require(message->bytes.size() == sent.size() && message->descriptors.size() == given.size(),
            "a message comes whole");
    const auto request = read_request(message->bytes, message->descriptors.size());
    if (!request) return;
    check_request(*request, *message);
  }
}

}  // namespace
}  // namespace retort::keeper

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int before = retort::keeper::lowest_free_descriptor();
  retort::keeper::talk(retort::fuzz::bytes_of(data, size));
  retort::fuzz::require(before == retort::keeper::lowest_free_descriptor(),
                        "no descriptor stays open");
  return 0;
}
