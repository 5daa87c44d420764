// Filter: the compiled system-call filters, chosen by what a cell may have.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>

#include "cell/limits.h"

namespace retort::cell {

// What a runtime's manifest may ask for beyond the base filter, as bits.
enum AddOn : std::uint32_t { kNoAddOn = 0, kPtrace = 1, kInotify = 2 };
constexpr std::uint32_t kAllAddOns = kPtrace | kInotify;

std::span<const sock_filter> filter_for(Network network, std::uint32_t add_ons);

}  // namespace retort::cell
