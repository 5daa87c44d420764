// F10: programs of one's own in the kernel: bpf(2), socket filters, seccomp's listener.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

struct Option {
  const char* name;
  unsigned long number;
};
constexpr Option kOptions[] = {{"SO_ATTACH_FILTER", 26},
                               {"SO_ATTACH_BPF", 50},
                               {"SO_ATTACH_REUSEPORT_CBPF", 51},
                               {"SO_ATTACH_REUSEPORT_EBPF", 52},
                               {"SO_DETACH_FILTER", 27},
                               {"SO_LOCK_FILTER", 44},
                               {"SO_BINDTODEVICE", 25},
                               {"SO_MARK", 36},
                               {"SO_PRIORITY", 12},
                               {"SO_TIMESTAMPING", 37},
                               {"SO_BUSY_POLL", 46},
                               {"SO_MAX_PACING_RATE", 47},
                               {"SO_ZEROCOPY", 60},
                               {"SO_TXTIME", 61},
                               {"SO_PASSSEC", 34},
                               {"SO_PEEK_OFF", 42}};

int run(unsigned) {
  sock_filter all = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const sock_fprog program{.len = 1, .filter = &all};
  const unsigned long one = 1;
  int pair[2] = {-1, -1};
  expect(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "no local sockets");
  const auto local = static_cast<unsigned long>(pair[0]);
  const Call calls[] = {
      {"bpf, a map", SYS_bpf, {0, address_of(&one), sizeof one}, EPERM},
      {"bpf, a program", SYS_bpf, {5, address_of(&one), sizeof one}, EPERM},
      {"bpf with too large a size", SYS_bpf, {0, address_of(&one), 1UL << 30U}, EPERM},
      {"seccomp, a listener",
       SYS_seccomp,
       {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, address_of(&program)},
       ENOSYS},
      {"seccomp, a filter",
       SYS_seccomp,
       {SECCOMP_SET_MODE_FILTER, 0, address_of(&program)},
       ENOSYS},
      {"seccomp, a question", SYS_seccomp, {SECCOMP_GET_ACTION_AVAIL, 0, address_of(&one)}, ENOSYS},
      {"prctl, a filter", SYS_prctl, {PR_SET_SECCOMP, 2, address_of(&program)}, ENOSYS},
  };
  expect_answers(calls);
  for (const Option& option : kOptions) {
    const unsigned long value = option.number == 26 ? address_of(&program) : address_of(&one);
    const unsigned long size = option.number == 26 ? sizeof program : sizeof(int);
    for (const unsigned long upper : {0UL, kUpperBits}) {
      expect_answer({option.name,
                     SYS_setsockopt,
                     {local, SOL_SOCKET, option.number | upper, value, size},
                     ENOSYS});
    }
  }
  for (const unsigned long level : {0UL,
                                    6UL,
                                    17UL,
                                    41UL,
                                    263UL /* SOL_PACKET */,
                                    279UL /* SOL_ALG */,
                                    SOL_SOCKET | kUpperBits}) {
    if (level == 6 || level == 41) continue;  // loopback has some of these: G10
    expect_answer({"an option of another level",
                   SYS_setsockopt,
                   {local, level, 31, address_of(&one), sizeof(int)},
                   ENOSYS});
  }
  return verdict();
}

const Enrol kAttack{
    {.id = "F10", .what = "attach programs to the kernel", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
