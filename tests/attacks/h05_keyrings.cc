// H05: keyrings of the user and of the session, from one run to the next.
#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned place) {
  const char type[] = "user";
  const char name[] = "retort-h05";
  for (const int ring : {KEY_SPEC_USER_KEYRING,
                         KEY_SPEC_SESSION_KEYRING,
                         KEY_SPEC_USER_SESSION_KEYRING,
                         KEY_SPEC_PROCESS_KEYRING}) {
    const auto in = static_cast<unsigned long>(ring);
    if (place == 0) {
      expect_answer({"leave a key",
                     SYS_add_key,
                     {address_of(type), address_of(name), address_of(name), 4, in},
                     EPERM});
    }
    expect_answer({"find a key",
                   SYS_keyctl,
                   {KEYCTL_SEARCH, in, address_of(type), address_of(name), 0},
                   EPERM});
    expect_answer(
        {"request a key", SYS_request_key, {address_of(type), address_of(name), 0, in}, EPERM});
  }
  return verdict();
}

const Enrol kAttack{{.id = "H05",
                     .what = "keyrings that outlive a cell",
                     .run = run,
                     .cells = {.count = 2, .order = Cells::Order::in_turn},
                     .portable = true}};

}  // namespace
}  // namespace retort::attacks
