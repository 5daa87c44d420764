// Socket: messages between our own processes over SOCK_SEQPACKET, with descriptors.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace retort::kernel {

using base::Fd;
using base::Result;
using base::Status;

struct SocketPair {
  Fd ours;
  Fd theirs;
};
Result<SocketPair> make_socket_pair();

struct Message {
  std::vector<std::byte> bytes;  // empty: the peer has closed
  std::vector<Fd> descriptors;
};

// One message, whole or not at all. Fault::gone when the peer has closed; Fault::exhausted (EAGAIN)
// when a non-blocking socket is full.
Status send_message(const Fd& socket,
                    std::span<const std::byte> bytes,
                    std::span<const int> descriptors = {});

// One message of at most `largest` bytes; a longer one, or one with more than kMostDescriptors, is
// Fault::invalid and its descriptors are closed. Waits, unless the socket is non-blocking (then
// Fault::exhausted).
constexpr std::size_t kMostDescriptors = 8;
Result<Message> receive_message(const Fd& socket, std::size_t largest);

// A fixed-layout frame as bytes, and back.
template <typename Frame>
std::span<const std::byte> frame_bytes(const Frame& frame) {
  static_assert(std::is_trivially_copyable_v<Frame>);
  return std::as_bytes(std::span(&frame, 1));
}

}  // namespace retort::kernel
