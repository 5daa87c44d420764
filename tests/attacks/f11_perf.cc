// F11: the kernel's counters and tracepoints.
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  for (const auto& [name, type] : {std::pair<std::string, unsigned>{"hardware", PERF_TYPE_HARDWARE},
                                   {"software", PERF_TYPE_SOFTWARE},
                                   {"tracepoint", PERF_TYPE_TRACEPOINT},
                                   {"breakpoint", PERF_TYPE_BREAKPOINT}}) {
    perf_event_attr attributes{};
    attributes.type = type;
    attributes.size = sizeof attributes;
    attributes.exclude_kernel = 1;
    for (const unsigned long of : {0UL, kMinusOne}) {
      expect_answer({(name + (of == 0 ? ", own" : ", everyone's")).c_str(),
                     SYS_perf_event_open,
                     {address_of(&attributes), of, of == 0 ? kMinusOne : 0, kMinusOne, 0},
                     EPERM});
    }
  }
  expect_answer({"unknown flags", SYS_perf_event_open, {8, 0, 0, 0, kMinusOne}, EPERM});
  return verdict();
}

const Enrol kAttack{{.id = "F11", .what = "open performance events", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
