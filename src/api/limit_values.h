// LimitValues: some of a stage's limits as plain numbers, so that bounds, defaults and requests can
// be compared.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cell/limits.h"

namespace retort::api {

using cell::Limit;

// Each value is a whole number in the unit of the limit's JSON name: microseconds, bytes, a count;
// of `network` the number of its cell::Network, which a larger one includes.
class LimitValues {
 public:
  [[nodiscard]] std::optional<std::uint64_t> get(Limit limit) const {
    return values_.at(at(limit));
  }
  void set(Limit limit, std::uint64_t value) { values_.at(at(limit)) = value; }
  void clear(Limit limit) { values_.at(at(limit)).reset(); }
  [[nodiscard]] bool empty() const;
  // Those of `other` over ours.
  void put(const LimitValues& other);
  bool operator==(const LimitValues&) const = default;

 private:
  static std::size_t at(Limit limit) { return static_cast<std::size_t>(limit); }
  std::array<std::optional<std::uint64_t>, cell::kLimitCount> values_{};
};

// Every limit; the stack only when it has a value of its own.
LimitValues values_of(const cell::Limits& limits);
// Sets what `values` has; what does not fit a field (a count over 2^32) must have been refused.
void apply(cell::Limits& limits, const LimitValues& values);

// The built-in bounds, in which every other bound lies.
std::uint64_t smallest_of(Limit limit);
std::uint64_t largest_of(Limit limit);

// Text with a unit, as cell::set_limit takes it, within the built-in bounds (Fault::invalid).
base::Result<std::uint64_t> parse_limit(Limit limit, std::string_view text);

// "2s", as parse_limit reads it; and "2000000", as JSON has it.
std::string limit_text(Limit limit, std::uint64_t value);
std::string limit_json(Limit limit, std::uint64_t value);

// Is it written as a plain number in settings? Else it is text: a duration, a size, the network.
bool is_count(Limit limit);

}  // namespace retort::api
