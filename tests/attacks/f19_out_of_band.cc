// F19: out-of-band data on local sockets (CVE-2024-36972).
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  int pair[2] = {-1, -1};
  expect(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "no local sockets");
  char byte = 'x';
  iovec piece{.iov_base = &byte, .iov_len = 1};
  mmsghdr message{};
  message.msg_hdr.msg_iov = &piece;
  message.msg_hdr.msg_iovlen = 1;
  const auto local = static_cast<unsigned long>(pair[0]);
  for (const unsigned long flags :
       {static_cast<unsigned long>(MSG_OOB), MSG_OOB | kUpperBits, MSG_OOB | 0x4040UL}) {
    const Call calls[] = {
        {"sendto", SYS_sendto, {local, address_of(&byte), 1, flags, 0, 0}, ENOSYS},
        {"sendmsg", SYS_sendmsg, {local, address_of(&message.msg_hdr), flags}, ENOSYS},
        {"sendmmsg", SYS_sendmmsg, {local, address_of(&message), 1, flags}, ENOSYS},
    };
    expect_answers(calls);
  }
  expect(::send(pair[0], &byte, 1, 0) == 1, "a plain send is refused");
  return verdict();
}

const Enrol kAttack{{.id = "F19", .what = "out-of-band data", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
