// Storage problem: what a client is told whose job, key or blob there was no room for.
#pragma once

#include "api/problem.h"
#include "base/error.h"

namespace retort::api {

// `exhausted`: on the disk, in memory (ENOMEM), of descriptors (EMFILE, ENFILE), or of the time to
// wait for another process (ETIMEDOUT).
Problem storage_problem(const base::Error& exhausted);

}  // namespace retort::api
