// F15: the image's pages by way of pipes and the kernel's cryptography (Dirty Pipe, Copy Fail).
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  const int image = ::open("/usr/bin/env", O_RDONLY | O_CLOEXEC);
  int pipe[2] = {-1, -1};
  expect(image >= 0 && ::pipe2(pipe, O_CLOEXEC) == 0, "no image file, or no pipe");
  const auto from = static_cast<unsigned long>(image);
  const auto in = static_cast<unsigned long>(pipe[1]);
  const auto out = static_cast<unsigned long>(pipe[0]);
  char byte = 0;
  const iovec piece{.iov_base = &byte, .iov_len = 1};
  const Call calls[] = {
      {"splice", SYS_splice, {from, 0, in, 0, 1, 0}, ENOSYS},
      {"splice from a pipe", SYS_splice, {out, 0, in, 0, 1, SPLICE_F_NONBLOCK}, ENOSYS},
      {"tee", SYS_tee, {out, in, 1, SPLICE_F_NONBLOCK}, ENOSYS},
      {"vmsplice", SYS_vmsplice, {in, address_of(&piece), 1, SPLICE_F_GIFT}, ENOSYS},
      {"an AF_ALG socket", SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}, ENOSYS},
      {"an AF_ALG pair", SYS_socketpair, {AF_ALG, SOCK_SEQPACKET, 0, address_of(&byte)}, ENOSYS},
  };
  expect_answers(calls);
  expect_refused(::open("/usr/bin/env", O_WRONLY | O_CLOEXEC), {EROFS}, "write the image");
  expect_refused(::open("/proc/self/exe", O_WRONLY | O_CLOEXEC), {ETXTBSY}, "write what runs");
  return verdict();
}

const Enrol kAttack{
    {.id = "F15", .what = "write the image's page cache", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
