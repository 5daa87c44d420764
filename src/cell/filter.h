// Filter: the compiled system-call filters, chosen by what a cell may have.
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "cell/limits.h"

namespace retort::cell {

// What a cell may have beyond the base, as bits: what a runtime's manifest may ask for, and the
// commands of a terminal, which come with the terminal and in no other way.
enum AddOn : std::uint32_t {
  kNoAddOn = 0,
  kPtrace = 1,
  kInotify = 2,
  kTerminal = 4,
  kSpeculation = 8,  // no rules of the filter: see kernel::forbid_speculation
};
constexpr std::uint32_t kAllAddOns = kPtrace | kInotify | kSpeculation;

struct AddOnInfo {
  AddOn add_on;
  std::string_view name;  // as manifests write it
};
constexpr std::array kAddOns = {AddOnInfo{.add_on = kPtrace, .name = "ptrace"},
                                AddOnInfo{.add_on = kInotify, .name = "inotify"},
                                AddOnInfo{.add_on = kSpeculation, .name = "speculation"}};

std::span<const sock_filter> filter_for(Network network, std::uint32_t add_ons);

// Those of Retort's own processes, to be loaded when they have set themselves up. The keeper's is
// inherited by its cells: it lets through what they may do.
std::span<const sock_filter> keeper_filter();
std::span<const sock_filter> init_filter();
std::span<const sock_filter> reader_filter();

}  // namespace retort::cell
