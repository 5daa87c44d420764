// B07: descriptors in flight over local sockets, and rings of them that only the kernel's collector
// can free.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::size_t kAtOnce = 200;
constexpr int kMessages = 40;
constexpr int kMostInFlight = 1024 + static_cast<int>(kAtOnce);  // open_files, and one message more
constexpr int kRounds = 50;

// `count` times the descriptor `sent`, over `socket`.
ssize_t send_descriptors(int socket, int sent, std::size_t count) {
  std::vector<char> control(CMSG_SPACE(count * sizeof(int)));
  char byte = 0;
  iovec data{.iov_base = &byte, .iov_len = 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  const std::vector<int> numbers(count, sent);
  std::memcpy(CMSG_DATA(header), numbers.data(), count * sizeof(int));
  return ::sendmsg(socket, &message, MSG_DONTWAIT);
}

int run_flight(unsigned) {
  int pair[2];
  expect(::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0, "no sockets");
  int in_flight = 0;
  int why_not = 0;
  for (int i = 0; i < kMessages && why_not == 0; ++i) {
    if (send_descriptors(pair[0], pair[1], kAtOnce) < 0) {
      why_not = errno;
    } else {
      in_flight += static_cast<int>(kAtOnce);
    }
  }
  expect(why_not == ETOOMANYREFS, "no end of descriptors in flight");
  expect(in_flight <= kMostInFlight, "more in flight than may be open");
  return verdict();
}

// Each round leaves two sockets that hold each other and nothing else.
int run_rings(unsigned) {
  for (int round = 0; round < kRounds; ++round) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) continue;
    (void)send_descriptors(pair[0], pair[0], 10);
    (void)send_descriptors(pair[1], pair[1], 10);
    ::close(pair[0]);
    ::close(pair[1]);
  }
  return 0;
}

const Enrol kFlight{
    {.id = "B07", .what = "descriptors in flight", .run = run_flight, .exit_code = 0}};
const Enrol kRings{{.id = "B07b",
                    .what = "rings of sockets that hold each other",
                    .run = run_rings,
                    .exit_code = 0}};

}  // namespace
}  // namespace retort::attacks
