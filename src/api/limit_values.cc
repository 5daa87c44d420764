// LimitValues: between cell::Limits, whose fields have types, and numbers.
#include "api/limit_values.h"

#include <algorithm>

namespace retort::api {

using base::ByteSize;
using base::Duration;
using base::Result;
using cell::kLimitCount;
using cell::Limits;

namespace {

std::uint64_t value_of(const Limits& limits, Limit limit) {
  switch (limit) {
    case Limit::cpu_time:
      return static_cast<std::uint64_t>(limits.cpu_time.count());
    case Limit::wall_time:
      return static_cast<std::uint64_t>(limits.wall_time.count());
    case Limit::extra_time:
      return static_cast<std::uint64_t>(limits.extra_time.count());
    case Limit::memory:
      return limits.memory.bytes();
    case Limit::stack:
      return limits.effective_stack().bytes();
    case Limit::processes:
      return limits.processes;
    case Limit::open_files:
      return limits.open_files;
    case Limit::file_size:
      return limits.file_size.bytes();
    case Limit::disk:
      return limits.disk.bytes();
    case Limit::disk_inodes:
      return limits.disk_inodes;
    case Limit::output:
      return limits.output.bytes();
    case Limit::network:
      return static_cast<std::uint64_t>(limits.network);
  }
  return 0;
}

void set_value(Limits& limits, Limit limit, std::uint64_t value) {
  const auto duration = Duration(static_cast<Duration::rep>(value));
  const auto size = ByteSize::of_bytes(value);
  const auto count = static_cast<std::uint32_t>(value);
  switch (limit) {
    case Limit::cpu_time:
      limits.cpu_time = duration;
      return;
    case Limit::wall_time:
      limits.wall_time = duration;
      return;
    case Limit::extra_time:
      limits.extra_time = duration;
      return;
    case Limit::memory:
      limits.memory = size;
      return;
    case Limit::stack:
      limits.stack = size;
      return;
    case Limit::processes:
      limits.processes = count;
      return;
    case Limit::open_files:
      limits.open_files = count;
      return;
    case Limit::file_size:
      limits.file_size = size;
      return;
    case Limit::disk:
      limits.disk = size;
      return;
    case Limit::disk_inodes:
      limits.disk_inodes = count;
      return;
    case Limit::output:
      limits.output = size;
      return;
    case Limit::network:
      limits.network = value == 0 ? cell::Network::none : cell::Network::loopback;
      return;
  }
}

struct BuiltIn {
  std::array<std::uint64_t, kLimitCount> smallest{};
  std::array<std::uint64_t, kLimitCount> largest{};
};

// The table's texts as numbers, read once.
const BuiltIn& built_in() {
  static const BuiltIn kBounds = [] {
    BuiltIn read;
    for (const cell::LimitInfo& info : cell::limit_infos()) {
      const auto i = static_cast<std::size_t>(info.limit);
      read.smallest.at(i) = parse_limit(info.limit, info.smallest).value_or(0);
      read.largest.at(i) = parse_limit(info.limit, info.largest).value_or(0);
    }
    return read;
  }();
  return kBounds;
}

}  // namespace

bool LimitValues::empty() const {
  return std::ranges::none_of(values_, [](const auto& value) { return value.has_value(); });
}

void LimitValues::put(const LimitValues& other) {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (other.values_.at(i)) values_.at(i) = other.values_.at(i);
  }
}

LimitValues values_of(const Limits& limits) {
  LimitValues values;
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    if (info.limit == Limit::stack && !limits.stack) continue;
    values.set(info.limit, value_of(limits, info.limit));
  }
  return values;
}

void apply(Limits& limits, const LimitValues& values) {
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    if (const auto value = values.get(info.limit)) set_value(limits, info.limit, *value);
  }
}

std::uint64_t smallest_of(Limit limit) {
  return built_in().smallest.at(static_cast<std::size_t>(limit));
}

std::uint64_t largest_of(Limit limit) {
  return built_in().largest.at(static_cast<std::size_t>(limit));
}

Result<std::uint64_t> parse_limit(Limit limit, std::string_view text) {
  Limits limits;
  RETORT_CHECK(cell::set_limit(limits, cell::info_of(limit).name, text));
  return value_of(limits, limit);
}

std::string limit_text(Limit limit, std::uint64_t value) {
  Limits limits;
  set_value(limits, limit, value);
  return cell::limit_text(limits, limit);
}

std::string limit_json(Limit limit, std::uint64_t value) {
  if (limit == Limit::network) return "\"" + limit_text(limit, value) + "\"";
  return std::to_string(value);
}

bool is_count(Limit limit) {
  const cell::LimitInfo& info = cell::info_of(limit);
  // A limit whose name in JSON needs no unit is a count, or the network.
  return info.json == info.name && limit != Limit::network;
}

}  // namespace retort::api
