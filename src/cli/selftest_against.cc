// retort selftest --against: the same programs in another sandbox. Nothing is held against a tool
// that it does not promise: the table says what each program got, and the recipe says how it ran.
#include <cstdio>
#include <ranges>

#include "base/bytes.h"
#include "cli/interrupts.h"
#include "cli/selftest.h"
#include "selftest/other_sandbox.h"
#include "text/json.h"

namespace retort::cli {

using base::Fault;
using selftest::Attack;
using text::json::array;
using text::json::object;

namespace {

constexpr std::size_t kMostLines = 5;  // of one attack; --json has all

}  // namespace

int selftest_against(const SelftestOptions& options, const std::vector<const Attack*>& chosen) {
  auto sandbox = selftest::OtherSandbox::open(options.against);
  if (!sandbox)
    return complain(sandbox.error(), sandbox.error().fault == Fault::invalid ? kUsage : kFailed);
  Interrupts interrupts;
  array records;
  std::size_t held = 0;
  std::size_t all = 0;
  if (!options.json) std::printf("%s\n\n", (*sandbox)->recipe().c_str());
  for (const Attack* attack : chosen) {
    if (interrupts.caught() != 0) return kSignalBase + interrupts.caught();
    if (!attack->portable || attack->run == nullptr || attack->cells.count != 1) continue;
    const auto result = (*sandbox)->run(*attack);
    if (!result) return complain(result.error());
    ++all;
    held += result->held() ? 1 : 0;
    if (options.json) {
      array breaches;
      for (const std::string& line : result->breaches) breaches.emplace_back(base::printable(line));
      array reached;
      for (const std::string& line : result->reached) reached.emplace_back(base::printable(line));
      records.emplace_back(object{{"id", attack->id},
                                  {"held", result->held()},
                                  {"status", result->status},
                                  {"breaches", breaches},
                                  {"reached_the_kernel", reached}});
      continue;
    }
    std::printf("%-6s %-4s %-12s %s\n",
                std::string(attack->id).c_str(),
                result->held() ? "held" : "FELL",
                result->status.c_str(),
                std::string(attack->what).c_str());
    for (const std::string& line : result->breaches | std::views::take(kMostLines))
      std::printf("            got: %s\n", base::printable(line).c_str());
    if (result->breaches.size() > kMostLines)
      std::printf("            and %zu more\n", result->breaches.size() - kMostLines);
    if (!result->reached.empty()) {
      std::printf("            %zu calls reached the kernel, which refused them\n",
                  result->reached.size());
    }
    std::fflush(stdout);
  }
  if (options.json) {
    std::puts(text::pretty(object{{"tool", options.against},
                                  {"recipe", (*sandbox)->recipe()},
                                  {"cases", records},
                                  {"held", held},
                                  {"all", all}})
                  .c_str());
  } else {
    std::printf("\n%s: %zu of %zu held\n", options.against.c_str(), held, all);
  }
  return 0;
}

}  // namespace retort::cli
