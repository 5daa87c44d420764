// Storage problem: the disk's fault or the memory's.
#include "api/storage_problem.h"

#include <cerrno>

namespace retort::api {

Problem storage_problem(const base::Error& exhausted) {
  if (exhausted.os_errno == ENOMEM) return memory_problem();
  if (exhausted.os_errno == EMFILE || exhausted.os_errno == ENFILE) {
    return {.code = ProblemCode::unavailable,
            .detail = "this server has as many files open as it may; try again",
            .retry_after_s = 1};
  }
  if (exhausted.os_errno == ETIMEDOUT) {
    return {.code = ProblemCode::unavailable,
            .detail = "another process keeps this server's database; try again",
            .retry_after_s = 1};
  }
  return {.code = ProblemCode::storage_full,
          .detail = "there is no room on this server's disk; try again later",
          .retry_after_s = 10};
}

}  // namespace retort::api
