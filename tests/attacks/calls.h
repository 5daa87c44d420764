// Calls: tables of system calls with what each must answer. The answer is the filter's, so that a
// call which the kernel itself refused for another reason is a breach as well.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {

struct Call {
  const char* what;
  long number;
  std::array<unsigned long, 6> arguments;
  int answer;  // an errno; 0: success
};

constexpr unsigned long kMinusOne = ~0UL;
constexpr unsigned long kUpperBits = 1UL << 32U;

inline unsigned long address_of(const void* object) {
  return reinterpret_cast<std::uintptr_t>(object);
}

// The errno that a system call ends with, 0 when it succeeds. What it makes is taken away again.
inline int answer_of(long number, const std::array<unsigned long, 6>& arguments) {
  const auto& a = arguments;
  const pid_t self = ::getpid();
  errno = 0;
  const long result = ::syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  if (::getpid() != self) ::_exit(0);  // a new process, which must not have come to be
  return result == -1 ? errno : 0;
}

inline void expect_answer(const Call& call) {
  const int got = answer_of(call.number, call.arguments);
  if (got == call.answer) return;
  breach(std::string(call.what) + ": " + (got == 0 ? "allowed" : strerrorname_np(got)) +
         " instead of " + (call.answer == 0 ? "success" : strerrorname_np(call.answer)));
}

inline void expect_answers(std::span<const Call> calls) {
  for (const Call& call : calls) expect_answer(call);
}

// A call by the table of i386 is deadly. A kernel without that table (CONFIG_IA32_EMULATION,
// ia32_emulation=) takes the interrupt for a fault.
inline bool is_end_of_i386(int status) {
  return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV);
}

// It must not be there, nor may it be made.
inline void expect_absent(const std::string& path) {
  struct stat info{};
  expect_refused(::lstat(path.c_str(), &info), {ENOENT}, path);
}

}  // namespace retort::attacks
