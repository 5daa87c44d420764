// B09: kernel memory in keys.
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kMost = 10;

int run(unsigned) {
  const std::string payload(20'000, 'x');
  for (int i = 0; i < kMost; ++i) {
    const std::string name = "retort" + std::to_string(i);
    expect_refused(::syscall(SYS_add_key,
                             "user",
                             name.c_str(),
                             payload.data(),
                             payload.size(),
                             KEY_SPEC_PROCESS_KEYRING),
                   {EPERM},
                   "add_key");
    expect_refused(::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.c_str()),
                   {EPERM},
                   "a session keyring");
  }
  return verdict();
}

const Enrol kAttack{{.id = "B09", .what = "fill the keyrings", .run = run, .exit_code = 0}};

}  // namespace
}  // namespace retort::attacks
