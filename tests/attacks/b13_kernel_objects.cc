// B13: small kernel objects in great numbers: mappings, names that are not there.
#include <sys/mman.h>
#include <sys/stat.h>

#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kMappings = 130'000;  // of some 200 bytes
constexpr int kNames = 100'000;     // likewise

int run_mappings(unsigned) {
  for (int i = 0; i < kMappings; ++i) {
    const int rights = i % 2 == 0 ? PROT_READ : PROT_READ | PROT_WRITE;
    if (::mmap(nullptr, 4096, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) break;
  }
  return 0;
}

int run_names(unsigned) {
  const std::string start = "/usr/" + std::to_string(random_number()) + "-";
  for (int i = 0; i < kNames; ++i) {
    struct stat info{};
    expect(::stat((start + std::to_string(i)).c_str(), &info) != 0, "a name that is there");
  }
  return verdict();
}

const Enrol kMany{{.id = "B13",
                   .what = "mappings without end",
                   .run = run_mappings,
                   .statuses = {"memory_limit"},
                   .signal = 9,
                   .limits_hit = {"memory"},
                   .limits = {"memory=12MiB", "disk=8MiB"}}};
// The kernel can forget them at any time: they are counted, and cost the job, and no more.
const Enrol kAbsent{{.id = "B13b",
                     .what = "names that are not there",
                     .run = run_names,
                     .exit_code = 0,
                     .limits = {"memory=16MiB", "disk=8MiB", "cpu_time=5s", "wall_time=15s"}}};
}  // namespace
}  // namespace retort::attacks
