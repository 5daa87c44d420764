// L09: have the kernel work: zero pages, tear processes down, copy files.
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kTimes = 20;

// What the kernel itself says of this process's children, their ends included.
std::uint64_t cpu_of_children() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto micros = [](const timeval& time) { return time.tv_sec * 1'000'000 + time.tv_usec; };
  return static_cast<std::uint64_t>(micros(usage.ru_utime) + micros(usage.ru_stime));
}

int run(unsigned) {
  const auto before = cpu_used();
  const std::string block(1U << 20U, 'x');
  for (int i = 0; i < kTimes; ++i) {
    // Its memory is zeroed for it, and taken back at its end.
    wait_for(spawn([] {
      touch(16U << 20U);
      return 0;
    }));
    write_file("file", block + block + block + block);
    ::unlink("file");
  }
  say("cpu_us", cpu_of_children());
  say("cpu_us", static_cast<std::uint64_t>((cpu_used() - before).count()));
  return 0;
}

const Enrol kAttack{{.id = "L09",
                     .what = "have the kernel work",
                     .run = run,
                     .exit_code = 0,
                     .limits = {"cpu_time=20s", "wall_time=60s"},
                     .cells = {.count = 5, .order = Cells::Order::in_turn},
                     .accounting = true}};

}  // namespace
}  // namespace retort::attacks
