// A10: zombies up to the limit, thousands of orphans, and a chain of orphans.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kMostZombies = 64;  // twice the limit
constexpr int kOrphans = 2000;
constexpr int kChain = 1000;
constexpr int kTries = 2000;

// A dead child holds its place until its parent takes note of it.
int run_zombies(unsigned) {
  int zombies = 0;
  while (zombies < kMostZombies && spawn([] { return 0; }) > 0) ++zombies;
  expect(zombies < kMostZombies && errno == EAGAIN, "more zombies than processes");
  for (int i = 0; i < zombies; ++i) ::wait(nullptr);
  expect(survives([] { return 0; }), "the places of the dead are not free");
  return verdict();
}

// Until the first process has taken note of those before, there may be no place: try again.
pid_t spawn_patiently(const std::function<int()>& work) {
  for (int i = 0; i < kTries; ++i) {
    if (const pid_t child = spawn(work); child > 0) return child;
    rest(1000us);
  }
  return -1;
}

int run_orphans(unsigned) {
  for (int i = 0; i < kOrphans && verdict() == 0; ++i) {
    const pid_t child =
        spawn_patiently([] { return spawn_patiently([] { return 0; }) > 0 ? 0 : 1; });
    expect(child > 0 && wait_for(child) == 0, "orphans hold their places");
  }
  return verdict();
}

void go_on(int left, int at_end) {
  const char done = 1;
  if (left == 0) (void)!::write(at_end, &done, 1);
  if (left == 0) return;
  spawn_patiently([=] {
    go_on(left - 1, at_end);
    return 0;
  });
}

int run_chain(unsigned) {
  int ends[2];
  expect(::pipe2(ends, O_CLOEXEC) == 0, "no pipe");
  expect(survives([&] {
           go_on(kChain, ends[1]);
           return 0;
         }),
         "the chain did not begin");
  ::close(ends[1]);
  char done = 0;
  expect(::read(ends[0], &done, 1) == 1, "the chain broke");
  return verdict();
}

const Enrol kZombies{{.id = "A10",
                      .what = "zombies up to the limit",
                      .run = run_zombies,
                      .limits_hit = {"processes"},
                      .limits = {"processes=32"}}};
const Enrol kOrphansEnrol{{.id = "A10b",
                           .what = "orphans, thousands, one after the other",
                           .run = run_orphans,
                           .may_hit = {"processes"},
                           .limits = {"processes=8", "cpu_time=20s", "wall_time=60s"}}};
const Enrol kChainEnrol{{.id = "A10c",
                         .what = "a chain of a thousand orphans",
                         .run = run_chain,
                         .may_hit = {"processes"},
                         .limits = {"processes=8", "cpu_time=20s", "wall_time=60s"}}};

}  // namespace
}  // namespace retort::attacks
