// Filter: programs that make-filters generated.
#include "cell/filter.h"

#include <array>

namespace retort::cell {
namespace {

#include "cell/filters.inc"

}  // namespace

std::span<const sock_filter> filter_for(Network network, std::uint32_t add_ons) {
  static constexpr std::array<std::span<const sock_filter>, 8> kFilters = {
      kFilter0, kFilter1, kFilter2, kFilter3, kFilter4, kFilter5, kFilter6, kFilter7};
  const unsigned index = (network == Network::loopback ? 1U : 0U) | (add_ons & kAllAddOns) << 1U;
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
