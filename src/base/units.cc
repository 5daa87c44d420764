// Units: text to sizes and durations, and back.
#include "base/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace retort::base {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array kDurationUnits = {
    Unit{.name = "us", .factor = 1},
    Unit{.name = "ms", .factor = 1'000},
    Unit{.name = "s", .factor = 1'000'000},
    Unit{.name = "min", .factor = 60'000'000},
    Unit{.name = "h", .factor = 3'600'000'000},
};
constexpr std::uint64_t kLongest = 100ULL * 366 * 24 * 3'600'000'000;

constexpr std::array kSizeUnits = {
    Unit{.name = "B", .factor = 1},
    Unit{.name = "kB", .factor = 1'000},
    Unit{.name = "MB", .factor = 1'000'000},
    Unit{.name = "GB", .factor = 1'000'000'000},
    Unit{.name = "KiB", .factor = 1ULL << 10U},
    Unit{.name = "MiB", .factor = 1ULL << 20U},
    Unit{.name = "GiB", .factor = 1ULL << 30U},
    Unit{.name = "TiB", .factor = 1ULL << 40U},
};
constexpr std::uint64_t kLargest = 1ULL << 62U;

Error invalid(std::string what) {
  return Error{Fault::invalid, std::move(what), 0};
}

template <std::size_t N>
Result<std::uint64_t> parse_quantity(std::string_view text,
                                     const std::array<Unit, N>& units,
                                     std::uint64_t largest,
                                     std::string_view example) {
  const auto complain = [&](std::string_view why) {
    return invalid("'" + std::string(text) + "' " + std::string(why) + "; write for example " +
                   std::string(example));
  };
  std::uint64_t whole = 0;
  const char* const end = text.data() + text.size();
  const auto [after_whole, ec] = std::from_chars(text.data(), end, whole);
  if (ec == std::errc::result_out_of_range) return complain("is too large");
  if (ec != std::errc{}) return complain("is not a number with a unit");

  std::string_view rest(after_whole, static_cast<std::size_t>(end - after_whole));
  std::uint64_t fraction = 0;
  std::uint64_t scale = 1;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    if (rest.empty() || rest.front() < '0' || rest.front() > '9') {
      return complain("is not a number with a unit");
    }
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      if (scale >= 1'000'000) return complain("has more than six decimal places");
      fraction = fraction * 10 + static_cast<std::uint64_t>(rest.front() - '0');
      scale *= 10;
      rest.remove_prefix(1);
    }
  }
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest.empty()) return complain("has no unit");

  for (const Unit& unit : units) {
    if (unit.name != rest) continue;
    if (whole > largest / unit.factor) return complain("is too large");
    // largest is far below 2^64, so the sum cannot wrap; the fraction is below one unit.
    const unsigned __int128 part = static_cast<unsigned __int128>(fraction) * unit.factor;
    if (part % scale != 0) return complain("is not a whole number of the smallest unit");
    const std::uint64_t value = whole * unit.factor + static_cast<std::uint64_t>(part / scale);
    if (value > largest) return complain("is too large");
    return value;
  }
  return complain("has an unknown unit");
}

template <std::size_t N>
std::string quantity_text(std::uint64_t value, const std::array<Unit, N>& units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0 && unit.factor > best->factor) best = &unit;
  }
  return std::to_string(value / best->factor) + std::string(best->name);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  RETORT_TRY(const auto value, parse_quantity(text, kDurationUnits, kLongest, "2s or 250ms"));
  return Duration(static_cast<Duration::rep>(value));
}

Result<ByteSize> parse_size(std::string_view text) {
  RETORT_TRY(const auto value, parse_quantity(text, kSizeUnits, kLargest, "256MiB or 64KiB"));
  return ByteSize::of_bytes(value);
}

Result<std::uint64_t> parse_count(std::string_view text, std::uint64_t largest) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, value);
  if (ec == std::errc::invalid_argument || stop != end) {
    return invalid("'" + std::string(text) + "' is not a whole number");
  }
  if (ec != std::errc{} || value > largest) {
    return invalid("'" + std::string(text) + "' is over " + std::to_string(largest));
  }
  return value;
}

std::string to_text(Duration duration) {
  return quantity_text(static_cast<std::uint64_t>(duration.count()), kDurationUnits);
}

std::string to_text(ByteSize size) {
  return quantity_text(size.bytes(), kSizeUnits);
}

}  // namespace retort::base
