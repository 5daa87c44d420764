// Filter: programs that make-filters generated.
#include "cell/filter.h"

#include <array>
#include <string_view>

#include "base/weaken.h"

namespace retort::cell {
namespace {

// Test-only (base/weaken.h): a filter with one part of it left out.
struct RelaxedFilter {
  std::string_view name;
  std::span<const sock_filter> none;
  std::span<const sock_filter> loopback;
};

#include "cell/filters.inc"

}  // namespace

std::span<const sock_filter> filter_for(Network network, std::uint32_t add_ons) {
#ifdef RETORT_WEAKENED
  for (const RelaxedFilter& relaxed : kRelaxed) {
    if (base::weakened(relaxed.name))
      return network == Network::loopback ? relaxed.loopback : relaxed.none;
  }
#endif
  constexpr std::uint32_t kWithRules = kPtrace | kInotify | kTerminal;
  const unsigned index = (network == Network::loopback ? 1U : 0U) | (add_ons & kWithRules) << 1U;
  return kFilters.at(index);
}

std::span<const sock_filter> keeper_filter() {
  return kKeeperFilter;
}

std::span<const sock_filter> init_filter() {
  return kInitFilter;
}

std::span<const sock_filter> reader_filter() {
  return kReaderFilter;
}

}  // namespace retort::cell
