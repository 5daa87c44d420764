// B02: a terabyte of addresses, read sparsely: nothing but page tables.
#include <sys/mman.h>

#include <cstdint>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kAddresses = 1ULL << 40U;
constexpr std::uint64_t kPageTable = 2U << 20U;  // what one page of tables maps
constexpr std::uint64_t kMost = 96U << 20U;      // of tables, beyond the limit

int run(unsigned) {
  void* memory = ::mmap(nullptr,
                        kAddresses,
                        PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                        -1,
                        0);
  expect(memory != MAP_FAILED, "no terabyte of addresses");
  if (memory == MAP_FAILED) return verdict();
  // Reading maps the one page of zeros everywhere; on a kernel without it, as much again in pages.
  ::madvise(memory, kAddresses, MADV_NOHUGEPAGE);
  for (std::uint64_t table = 0; table < kMost / 4096; ++table) {
    (void)*(static_cast<volatile char*>(memory) + table * kPageTable);
  }
  return 0;
}

const Enrol kAttack{{.id = "B02",
                     .what = "a bomb of page tables",
                     .run = run,
                     .statuses = {"memory_limit"},
                     .signal = 9,
                     .limits_hit = {"memory"},
                     .limits = {"memory=64MiB"}}};

}  // namespace
}  // namespace retort::attacks
