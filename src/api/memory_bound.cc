// Memory bound: setrlimit(2), RLIMIT_DATA; mallopt(3); std::set_new_handler.
#include "api/memory_bound.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <new>
#include <string>

#include <malloc.h>

#include "kernel/files.h"

namespace retort::api {

using base::ByteSize;
using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr std::uint64_t kPartOfReserve = 8;  // of the growth
constexpr std::uint64_t kMostReserve = std::uint64_t{8} << 20U;
constexpr int kLargeBlock = 256 << 10U;

// Allocations may fail on any thread.
std::atomic<void*> reserve{nullptr};
std::atomic<std::uint64_t> reserve_bytes{0};

// The allocation fails all the same: a large one would take the reserve for itself.
void on_exhaustion() {
  std::free(reserve.exchange(nullptr));  // NOLINT(*-no-malloc): not by the operator that failed
  throw std::bad_alloc();
}

// What the kernel counts against the limit (VmData of proc(5)).
Result<std::uint64_t> data_bytes() {
  RETORT_TRY(const std::string status, kernel::read_small_file(AT_FDCWD, "/proc/self/status"));
  constexpr std::string_view kName = "VmData:";
  const std::size_t found = status.find(kName);
  const std::size_t at =
      found == std::string::npos ? found : status.find_first_not_of(" \t", found + kName.size());
  std::uint64_t kibibytes = 0;
  if (at == std::string::npos ||
      std::from_chars(status.data() + at, status.data() + status.size(), kibibytes).ec !=
          std::errc{})
    return Error{Fault::unsupported, "/proc/self/status has no VmData", 0};
  return kibibytes << 10U;
}

}  // namespace

Status bound_memory(ByteSize growth) {
  RETORT_TRY(const std::uint64_t now, data_bytes());
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0) return base::os_error("getrlimit", "RLIMIT_DATA");
  // The soft one: a keeper that is started by this process is not bound by it.
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_cur, now + growth.bytes());
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) return base::os_error("setrlimit", "RLIMIT_DATA");
  reserve_bytes = std::min(growth.bytes() / kPartOfReserve, kMostReserve);
  // Large blocks go back to the kernel, and do not stay as holes that count against the limit.
  (void)::mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  (void)has_memory_reserve();
  std::set_new_handler(on_exhaustion);
  return {};
}

bool has_memory_reserve() {
  if (reserve != nullptr || reserve_bytes == 0) return true;
  reserve = std::malloc(reserve_bytes);  // NOLINT(*-no-malloc): an operator would throw
  return reserve != nullptr;
}

}  // namespace retort::api
