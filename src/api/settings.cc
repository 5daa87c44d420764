// Settings: their defaults, and what follows from several of them.
#include "api/settings.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"

namespace retort::api {
namespace {

// What a small node can afford, in text as it would be written.
struct Largest {
  Limit limit;
  std::string_view run;
  std::string_view compile;
};
constexpr std::array<Largest, cell::kLimitCount> kLargest = {{
    {Limit::cpu_time, "1min", "2min"},
    {Limit::wall_time, "2min", "5min"},
    {Limit::extra_time, "5s", "5s"},
    {Limit::memory, "2GiB", "4GiB"},
    {Limit::stack, "2GiB", "4GiB"},
    {Limit::processes, "512", "512"},
    {Limit::open_files, "4096", "4096"},
    {Limit::file_size, "1GiB", "1GiB"},
    {Limit::disk, "1GiB", "2GiB"},
    {Limit::disk_inodes, "65536", "65536"},
    {Limit::output, "16MiB", "4MiB"},
    {Limit::network, "loopback", "loopback"},
}};

// Names that steer the dynamic linker and libc. They could harm nobody but the cell itself; a
// request that sets one is a mistake or an attempt. A * at the end stands for anything.
constexpr std::array<std::string_view, 3> kDeniedVariables = {
    "LD_*", "GCONV_PATH", "GLIBC_TUNABLES"};

constexpr std::size_t kLongestVariable = 128;

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == name;
}

bool is_variable(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && name.size() <= kLongestVariable && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool is_address(const std::string& host) {
  in6_addr address{};
  if (host.starts_with('[') && host.ends_with(']')) {
    return ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) == 1;
  }
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1;
}

// `values` without the limits that `taken` has.
LimitValues without(LimitValues values, const LimitValues& taken) {
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    if (taken.get(info.limit)) values.clear(info.limit);
  }
  return values;
}

}  // namespace

Settings::Settings() {
  run.defaults = values_of(cell::Limits{});
  compile.defaults = values_of(cell::compile_defaults());
  for (const Largest& row : kLargest) {
    run.smallest.set(row.limit, smallest_of(row.limit));
    compile.smallest.set(row.limit, smallest_of(row.limit));
    run.largest.set(row.limit, parse_limit(row.limit, row.run).value_or(0));
    compile.largest.set(row.limit, parse_limit(row.limit, row.compile).value_or(0));
  }
}

std::string Settings::source_of(std::string_view key) const {
  const auto found = sources.find(key);
  return found == sources.end() ? "default" : found->second;
}

ByteSize Settings::Blobs::most_of_key() const {
  constexpr std::uint64_t kPart = 4;
  return size_per_key.value_or(std::max(ByteSize::of_bytes(size.bytes() / kPart), largest));
}

bool Settings::is_open_to_others() const {
  return std::ranges::any_of(server.listen, [](const std::string& text) {
    const auto address = parse_listen(text);
    return !address || !address->is_loopback;
  });
}

bool Settings::requires_keys() const {
  return server.require_keys.value_or(is_open_to_others() && !server.allow_anonymous);
}

bool Settings::allows_host(std::string_view host) const {
  const std::string whole = lowered(host);
  std::string name = whole;
  const std::size_t colon = whole.rfind(':');
  if (colon != std::string::npos && !whole.ends_with(']')) {
    const std::string_view port = std::string_view(whole).substr(colon + 1);
    if (port.empty() || port.find_first_not_of("0123456789") != std::string_view::npos)
      return false;
    name.resize(colon);
  }
  if (name.empty()) return false;
  if (name == "localhost" || is_address(name)) return true;
  if (server.allowed_hosts.empty() && requires_keys()) return true;
  return std::ranges::any_of(server.allowed_hosts, [&](const std::string& listed) {
    const std::string lower = lowered(listed);
    return lower == name || lower == whole;
  });
}

bool Settings::allows_origin(std::string_view origin) const {
  return std::ranges::any_of(server.allowed_origins, [&](const std::string& listed) {
    return listed == "*" || listed == origin;
  });
}

bool Settings::is_enabled(std::string_view runtime) const {
  const auto found = runtimes.find(std::string(runtime));
  return found == runtimes.end() || found->second.enabled;
}

bool Settings::allows_variable(std::string_view name) const {
  const auto covers = [&](std::string_view pattern) { return matches(pattern, name); };
  return is_variable(name) && std::ranges::none_of(kDeniedVariables, covers) &&
         std::ranges::any_of(jobs.env, covers);
}

LimitLayers Settings::limit_layers(runtime::StageKind stage,
                                   const runtime::Manifest& manifest) const {
  const bool is_run = stage == runtime::StageKind::run;
  const StageLimits& general = is_run ? run : compile;
  StageLimits own;
  if (const auto found = runtimes.find(manifest.id); found != runtimes.end()) {
    own = is_run ? found->second.run : found->second.compile;
  }

  LimitLayers layers;
  // What is set for the runtime replaces the general bound, so that it may also be wider.
  layers.bounds.push_back({.owner = "this server",
                           .bounds = {.smallest = without(general.smallest, own.smallest),
                                      .largest = without(general.largest, own.largest)}});
  if (!own.smallest.empty() || !own.largest.empty()) {
    layers.bounds.push_back({.owner = "this server, for " + manifest.id + ",",
                             .bounds = {.smallest = own.smallest, .largest = own.largest}});
  }

  const runtime::StageSpec* spec = &manifest.run;
  if (!is_run) spec = manifest.compile ? &manifest.compile->stage : nullptr;
  LimitValues defaults = general.defaults;
  if (spec != nullptr) {
    const LimitValues of_manifest = values_of(spec->limits);
    for (const cell::LimitInfo& info : cell::limit_infos()) {
      const bool is_own = (spec->own_limits >> static_cast<unsigned>(info.limit) & 1U) != 0;
      const auto value = of_manifest.get(info.limit);
      if (is_own && value) defaults.set(info.limit, *value);
    }
  }
  defaults.put(own.defaults);
  layers.defaults = is_run ? cell::Limits{} : cell::compile_defaults();
  apply(layers.defaults, defaults);
  return layers;
}

Result<ListenAddress> parse_listen(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return Error{Fault::invalid,
                 "'" + base::printable(text) + "' " + std::string(why) +
                     "; write for example 127.0.0.1:8080 or [::1]:8080",
                 0};
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse("has no port");
  ListenAddress listen;
  listen.address = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const auto [stop, ec] = std::from_chars(port.data(), port.data() + port.size(), listen.port);
  // Port 0, any free one, is for tests; what was given is told in the log.
  if (ec != std::errc{} || stop != port.data() + port.size()) return refuse("has no port");
  if (listen.address.starts_with('[') && listen.address.ends_with(']')) {
    listen.address = listen.address.substr(1, listen.address.size() - 2);
    in6_addr address{};
    if (::inet_pton(AF_INET6, listen.address.c_str(), &address) != 1) {
      return refuse("is no IPv6 address");
    }
    listen.is_loopback = IN6_IS_ADDR_LOOPBACK(&address) != 0;
    return listen;
  }
  in_addr address{};
  if (::inet_pton(AF_INET, listen.address.c_str(), &address) != 1) {
    return refuse("is no address, which a name is not either");
  }
  listen.is_loopback = (ntohl(address.s_addr) >> 24U) == IN_LOOPBACKNET;
  return listen;
}

}  // namespace retort::api
