// F09: keys of other sessions.
#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  const char type[] = "user";
  const char name[] = "retort";
  const auto key = [](int special) { return static_cast<unsigned long>(special); };
  const Call calls[] = {
      {"add_key",
       SYS_add_key,
       {address_of(type), address_of(name), address_of(name), 6, key(KEY_SPEC_PROCESS_KEYRING)},
       EPERM},
      {"request_key", SYS_request_key, {address_of(type), address_of(name), 0, 0}, EPERM},
      {"the session's keyring",
       SYS_keyctl,
       {KEYCTL_GET_KEYRING_ID, key(KEY_SPEC_SESSION_KEYRING), 0},
       EPERM},
      {"the user's keyring",
       SYS_keyctl,
       {KEYCTL_GET_KEYRING_ID, key(KEY_SPEC_USER_KEYRING), 1},
       EPERM},
      {"join a session", SYS_keyctl, {KEYCTL_JOIN_SESSION_KEYRING, address_of(name)}, EPERM},
      {"search",
       SYS_keyctl,
       {KEYCTL_SEARCH, key(KEY_SPEC_USER_KEYRING), address_of(type), address_of(name), 0},
       EPERM},
      {"persistent keyring",
       SYS_keyctl,
       {KEYCTL_GET_PERSISTENT, kMinusOne, key(KEY_SPEC_PROCESS_KEYRING)},
       EPERM},
      {"an unknown operation", SYS_keyctl, {0xFFFF}, EPERM},
  };
  expect_answers(calls);
  // What botb does: every number that a key could have.
  for (unsigned long number = 1; number < 4096; ++number)
    expect_answer({"describe a key", SYS_keyctl, {KEYCTL_DESCRIBE, number, 0, 0}, EPERM});
  return verdict();
}

const Enrol kAttack{
    {.id = "F09", .what = "make, search and describe keys", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
