// Verdict: any facts, judged. They come from retort-init's words and from the keeper, fields of
// fixed length; what is left to go wrong is a value that nobody thought of.
#include "cell/verdict.h"

#include <cstring>

#include "fuzz/fuzz.h"

namespace retort::cell {
namespace {

using fuzz::require;

// The bytes of a Facts and then one for `output_over`; those of a bool are made one first.
struct Input {
  Facts facts;
  bool output_over = false;
};

Input read_input(const std::uint8_t* data, std::size_t size) {
  std::uint8_t bytes[sizeof(Facts) + 1] = {};
  if (size != 0) std::memcpy(bytes, data, std::min(size, sizeof bytes));
  for (const std::size_t place : {offsetof(Facts, has_memory_peak),
                                  offsetof(Facts, has_processes_peak),
                                  offsetof(Facts, disk_full),
                                  offsetof(Facts, inodes_full),
                                  offsetof(Facts, file_size_reached),
                                  sizeof(Facts)}) {
    bytes[place] &= 1U;
  }
  Input input;
  std::memcpy(&input.facts, bytes, sizeof input.facts);
  input.output_over = bytes[sizeof(Facts)] != 0;
  return input;
}

}  // namespace
}  // namespace retort::cell

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::cell;  // NOLINT(google-build-using-namespace)
  const auto [facts, output_over] = read_input(data, size);
  const Verdict verdict = judge(facts, Limits{}, output_over);
  const bool is_ok = verdict.outcome == Outcome::ok;
  require(find_outcome(outcome_name(verdict.outcome)) == verdict.outcome, "an outcome has a name");
  require(is_ok == verdict.message.empty(), "whatever is not ok has a reason");
  require(retort::fuzz::is_plain(verdict.message), "a reason is fit for a terminal");
  require(!is_ok || (facts.end == End::exited && facts.code == 0), "only exit code 0 is ok");
  require(!is_ok || (facts.memory_kills == 0 && !output_over), "nothing over a limit is ok");
  require(!(verdict.exit_code && verdict.signal), "a program ends in one way");
  require(verdict.limits_hit.size() <= kLimitCount, "a limit is hit once");
  return 0;
}
