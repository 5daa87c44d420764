// Limits: one table of names and bounds; set_limit, limit_text and validate all read it.
#include "cell/limits.h"

namespace retort::cell {
namespace {

constexpr std::array<LimitInfo, kLimitCount> kInfos = {{
    {.limit = Limit::cpu_time,
     .name = "cpu_time",
     .json = "cpu_time_us",
     .meaning = "user + system time of the whole process tree",
     .smallest = "1ms",
     .largest = "24h"},
    {.limit = Limit::wall_time,
     .name = "wall_time",
     .json = "wall_time_us",
     .meaning = "time by the clock from the program's start",
     .smallest = "1ms",
     .largest = "24h"},
    {.limit = Limit::extra_time,
     .name = "extra_time",
     .json = "extra_time_us",
     .meaning =
         "grace past cpu_time before the kill, so that the result shows by how much it was over",
     .smallest = "0s",
     .largest = "10min"},
    {.limit = Limit::memory,
     .name = "memory",
     .json = "memory_bytes",
     .meaning = "all memory of the tree, kernel memory and written files included; no swap",
     .smallest = "4MiB",
     .largest = "1TiB"},
    {.limit = Limit::stack,
     .name = "stack",
     .json = "stack_bytes",
     .meaning = "stack of a process's first thread; as much as memory when not given",
     .smallest = "128KiB",
     .largest = "1TiB"},
    {.limit = Limit::processes,
     .name = "processes",
     .json = "processes",
     .meaning = "processes and threads at one time",
     .smallest = "1",
     .largest = "32768"},
    {.limit = Limit::open_files,
     .name = "open_files",
     .json = "open_files",
     .meaning = "open files of each process",
     .smallest = "8",
     .largest = "16384"},
    {.limit = Limit::file_size,
     .name = "file_size",
     .json = "file_size_bytes",
     .meaning = "each file written",
     .smallest = "0B",
     .largest = "1TiB"},
    {.limit = Limit::disk,
     .name = "disk",
     .json = "disk_bytes",
     .meaning = "bytes in everything that the cell can write",
     .smallest = "64KiB",
     .largest = "1TiB"},
    {.limit = Limit::disk_inodes,
     .name = "disk_inodes",
     .json = "disk_inodes",
     .meaning = "files and directories in everything that the cell can write",
     .smallest = "16",
     .largest = "16777216"},
    {.limit = Limit::output,
     .name = "output",
     .json = "output_bytes",
     .meaning = "bytes of stdout and of stderr, each; what is over is dropped and flagged",
     .smallest = "0B",
     .largest = "64GiB"},
    {.limit = Limit::network,
     .name = "network",
     .json = "network",
     .meaning = "none (no internet sockets) or loopback (the cell's own)",
     .smallest = "none",
     .largest = "loopback"},
}};

Error out_of_bounds(const LimitInfo& info, const std::string& value) {
  return Error{Fault::invalid,
               std::string(info.name) + " " + value + " is outside its bounds " +
                   std::string(info.smallest) + " to " + std::string(info.largest),
               0};
}

// Reads `text` with `parse` and checks it against the bounds in the table, read by the same parser.
template <typename Parse>
auto bounded(const LimitInfo& info, std::string_view text, Parse parse) -> decltype(parse(text)) {
  auto value = parse(text);
  if (!value) return value.error().within(info.name);
  if (*value < *parse(info.smallest) || *value > *parse(info.largest)) {
    return out_of_bounds(info, std::string(text));
  }
  return value;
}

Result<std::uint32_t> parse_small_count(std::string_view text) {
  RETORT_TRY(const auto value, parse_count(text, UINT32_MAX));
  return static_cast<std::uint32_t>(value);
}

Result<Network> parse_network(std::string_view text) {
  if (text == "none") return Network::none;
  if (text == "loopback") return Network::loopback;
  return Error{Fault::invalid, "'" + std::string(text) + "' is neither none nor loopback", 0};
}

std::string network_text(Network network) {
  return network == Network::none ? "none" : "loopback";
}

}  // namespace

Limits compile_defaults() {
  Limits limits;
  limits.cpu_time = Duration(30'000'000);
  limits.wall_time = Duration(60'000'000);
  limits.memory = 2_GiB;
  limits.file_size = 256_MiB;
  limits.disk = 512_MiB;
  limits.output = 1_MiB;
  return limits;
}

const std::array<LimitInfo, kLimitCount>& limit_infos() {
  return kInfos;
}

const LimitInfo& info_of(Limit limit) {
  return kInfos.at(static_cast<std::size_t>(limit));
}

std::optional<Limit> find_limit(std::string_view name) {
  for (const LimitInfo& info : kInfos) {
    if (info.name == name) return info.limit;
  }
  return std::nullopt;
}

Status set_limit(Limits& limits, std::string_view name, std::string_view text) {
  const auto limit = find_limit(name);
  if (!limit) {
    std::string known;
    for (const LimitInfo& info : kInfos) {
      known.append(known.empty() ? "" : ", ").append(info.name);
    }
    return Error{
        Fault::invalid, "'" + std::string(name) + "' is no limit; the limits are " + known, 0};
  }
  const LimitInfo& info = info_of(*limit);
  const auto assign = [&](auto& field, auto parse) -> Status {
    RETORT_TRY(auto value, bounded(info, text, parse));
    field = value;
    return {};
  };
  switch (*limit) {
    case Limit::cpu_time:
      return assign(limits.cpu_time, parse_duration);
    case Limit::wall_time:
      return assign(limits.wall_time, parse_duration);
    case Limit::extra_time:
      return assign(limits.extra_time, parse_duration);
    case Limit::memory:
      return assign(limits.memory, parse_size);
    case Limit::stack:
      return assign(limits.stack, parse_size);
    case Limit::processes:
      return assign(limits.processes, parse_small_count);
    case Limit::open_files:
      return assign(limits.open_files, parse_small_count);
    case Limit::file_size:
      return assign(limits.file_size, parse_size);
    case Limit::disk:
      return assign(limits.disk, parse_size);
    case Limit::disk_inodes:
      return assign(limits.disk_inodes, parse_small_count);
    case Limit::output:
      return assign(limits.output, parse_size);
    case Limit::network:
      return assign(limits.network, parse_network);
  }
  return Error{Fault::internal, "a limit without a setter", 0};
}

std::string limit_text(const Limits& limits, Limit limit) {
  switch (limit) {
    case Limit::cpu_time:
      return to_text(limits.cpu_time);
    case Limit::wall_time:
      return to_text(limits.wall_time);
    case Limit::extra_time:
      return to_text(limits.extra_time);
    case Limit::memory:
      return to_text(limits.memory);
    case Limit::stack:
      return to_text(limits.effective_stack());
    case Limit::processes:
      return std::to_string(limits.processes);
    case Limit::open_files:
      return std::to_string(limits.open_files);
    case Limit::file_size:
      return to_text(limits.file_size);
    case Limit::disk:
      return to_text(limits.disk);
    case Limit::disk_inodes:
      return std::to_string(limits.disk_inodes);
    case Limit::output:
      return to_text(limits.output);
    case Limit::network:
      return network_text(limits.network);
  }
  return {};
}

Status validate(const Limits& limits) {
  Limits copy;
  for (const LimitInfo& info : kInfos) {
    RETORT_CHECK(set_limit(copy, info.name, limit_text(limits, info.limit)));
  }
  return {};
}

}  // namespace retort::cell
