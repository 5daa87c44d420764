// Storage problem: what a client is told whose job, key or blob there was no room for.
#pragma once

#include "api/problem.h"
#include "base/error.h"

namespace retort::api {

// `exhausted`: on the disk, in memory (ENOMEM), or of descriptors (EMFILE, ENFILE).
Problem storage_problem(const base::Error& exhausted);

}  // namespace retort::api
