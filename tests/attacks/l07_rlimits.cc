// L07: play with resource limits: raise them, take those of others, and lower all of them so far
// that nobody in this process could work.
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kEnd = 5;  // what the verdict must be made of

int run(unsigned) {
  for (const auto resource : {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_STACK, RLIMIT_CPU}) {
    rlimit limit{};
    expect(::getrlimit(resource, &limit) == 0 && limit.rlim_max != RLIM_INFINITY,
           "a limit that is none");
    limit.rlim_max += 1;
    expect_refused(::setrlimit(resource, &limit), {EPERM}, "a higher limit");
    limit.rlim_max = RLIM_INFINITY;
    expect_refused(::setrlimit(resource, &limit), {EPERM}, "no limit");
  }
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  const long one = ::prlimit(1, RLIMIT_NOFILE, &none, nullptr);
  expect_refused(one, {ENOSYS, EPERM}, "the limits of process 1");
  expect(write_file("note", "x"), "no file");
  for (const auto resource : {RLIMIT_NOFILE,
                              RLIMIT_FSIZE,
                              RLIMIT_AS,
                              RLIMIT_DATA,
                              RLIMIT_STACK,
                              RLIMIT_NPROC,
                              RLIMIT_MEMLOCK,
                              RLIMIT_SIGPENDING}) {
    (void)::setrlimit(resource, &none);
  }
  ::_exit(verdict() == 0 ? kEnd : 1);
}

const Enrol kAttack{{.id = "L07",
                     .what = "lower every resource limit, raise some",
                     .run = run,
                     .statuses = {"nonzero_exit"},
                     .exit_code = kEnd,
                     .collected = {"note 1"}}};

}  // namespace
}  // namespace retort::attacks
