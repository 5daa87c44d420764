// Socket: SCM_RIGHTS, unpacked at one place.
#include "kernel/socket.h"

#include <sys/socket.h>

#include <cstring>

namespace retort::kernel {

using base::Error;
using base::Fault;
using base::os_error;

Result<SocketPair> make_socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return os_error("socketpair", "");
  }
  return SocketPair{.ours = Fd(ends[0]), .theirs = Fd(ends[1])};
}

Status send_message(const Fd& socket,
                    std::span<const std::byte> bytes,
                    std::span<const int> descriptors) {
  if (descriptors.size() > kMostDescriptors) {
    return Error{Fault::internal, "send_message: too many descriptors", 0};
  }
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMostDescriptors * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t count = 0;
  do {
    count = ::sendmsg(socket.get(), &header, MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return os_error("sendmsg", "");
  return {};
}

Result<Message> receive_message(const Fd& socket, std::size_t largest) {
  Message message;
  message.bytes.resize(largest);
  iovec part{.iov_base = message.bytes.data(), .iov_len = largest};
  alignas(cmsghdr) char control[CMSG_SPACE(kMostDescriptors * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return os_error("recvmsg", "");
  for (cmsghdr* part_header = CMSG_FIRSTHDR(&header); part_header != nullptr;
       part_header = CMSG_NXTHDR(&header, part_header)) {
    if (part_header->cmsg_level != SOL_SOCKET || part_header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t total = (part_header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < total; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part_header) + i * sizeof(int), sizeof number);
      message.descriptors.emplace_back(number);
    }
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return Error{Fault::invalid, "recvmsg: a message larger than any we know", 0};
  }
  message.bytes.resize(static_cast<std::size_t>(count));
  return message;
}

}  // namespace retort::kernel
