// F16: other interfaces of the kernel than that of x86_64, a child for each.
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

constexpr unsigned long kX32 = 0x4000'0000;

long old_call(unsigned number) {
  long result = number;
  asm volatile("int $0x80" : "+a"(result) : "b"(0), "c"(0), "d"(0) : "memory");
  return result;
}

long raw_call(unsigned long number) {
  unsigned long result = number;
  asm volatile("syscall" : "+a"(result) : "D"(0), "S"(0), "d"(0) : "rcx", "r11", "memory");
  return static_cast<long>(result);
}

int end_of(const std::function<long()>& call) {
  return wait_for(spawn([&] {
    (void)call();
    return 0;
  }));
}

void expect_deadly(const std::string& text, const std::function<long()>& call) {
  const int status = end_of(call);
  expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
         text + " did not end it with SIGSYS but with " + std::to_string(status));
}

void expect_no_i386(const std::string& text, unsigned number) {
  const int status = end_of([=] { return old_call(number); });
  expect(is_end_of_i386(status),
         text + " of i386 did not end it but with " + std::to_string(status));
}

int run(unsigned) {
  expect_no_i386("getpid", 20);
  expect_no_i386("socketcall", 102);
  expect_no_i386("ipc", 117);
  expect_no_i386("vm86", 166);
  expect_no_i386("modify_ldt", 123);
  expect_no_i386("an unknown call", 0xFFFF);
  for (const unsigned long call : {39UL, 16UL, 101UL, 206UL})  // getpid, ioctl, ptrace, io_setup
    expect_deadly("x32 number " + std::to_string(call), [=] { return raw_call(kX32 | call); });
  for (const unsigned long call : {512UL, 520UL, 547UL})  // x32's own
    expect_deadly("x32 number " + std::to_string(call), [=] { return raw_call(kX32 | call); });
  // The kernel looks at 32 bits; the upper half must open nothing.
  expect_deadly("x32 with upper bits", [] { return raw_call(kUpperBits | kX32 | SYS_getpid); });
  expect_deadly("a negative number", [] { return raw_call(0x8000'0000UL | SYS_getpid); });
  expect(raw_call(kUpperBits | SYS_unshare) == -EPERM, "unshare with upper bits in its number");
  expect(raw_call(kUpperBits | SYS_io_uring_setup) == -ENOSYS, "io_uring with upper bits");
  expect(raw_call(kUpperBits | SYS_getpid) == ::getpid(), "upper bits make another call");
  return verdict();
}

const Enrol kAttack{
    {.id = "F16", .what = "foreign system-call interfaces", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
