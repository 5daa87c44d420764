// Checking settings: what no key can tell alone.
#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <utility>

#include "api/setting_keys.h"
#include "api/settings.h"
#include "base/bytes.h"
#include "text/nearest.h"

namespace retort::api {
namespace {

class Checker {
 public:
  explicit Checker(Settings& settings) : settings_(settings) {}

  void check_all() {
    check_addresses();
    check_access();
    check_texts();
    check_sizes();
    check_stage("limits.run", settings_.run);
    check_stage("limits.compile", settings_.compile);
    check_runtimes();
  }
  std::vector<std::string> take() { return std::move(faults_); }

 private:
  void note(std::string fault) { faults_.push_back(std::move(fault)); }
  [[nodiscard]] std::string source(std::string_view key) const { return settings_.source_of(key); }
  [[nodiscard]] bool is_set(std::string_view key) const { return settings_.sources.contains(key); }

  // "server.listen: WHAT (/etc/retort/retort.toml:3)"
  void fault(std::string_view key, std::string_view what) {
    note(std::string(key) + ": " + std::string(what) + " (" + source(key) + ")");
  }
  // "KEY (VALUE, SOURCE)"
  [[nodiscard]] std::string named(std::string_view key, std::string_view value) const {
    return std::string(key) + " (" + std::string(value) + ", " + source(key) + ")";
  }
  template <typename Value>
  void not_above(std::string_view low_key, Value low, std::string_view high_key, Value high) {
    if (low <= high) return;
    note(named(low_key, shown(low)) + " is above " + named(high_key, shown(high)));
  }
  static std::string shown(std::uint64_t count) { return std::to_string(count); }
  static std::string shown(ByteSize size) { return to_text(size); }

  void check_addresses() {
    const Settings::Server& server = settings_.server;
    if (server.listen.empty() && server.unix_socket.empty()) {
      note("server.listen (" + source("server.listen") +
           ") and server.unix_socket are both empty: nothing to listen on");
    }
    for (const std::string& text : server.listen) {
      if (const auto address = parse_listen(text); !address) {
        fault("server.listen", address.error().what);
      }
      if (std::ranges::count(server.listen, text) > 1) {
        fault("server.listen", "'" + text + "' is there more than once");
        break;
      }
    }
    const Settings::Metrics& metrics = settings_.metrics;
    if (metrics.listen.empty()) return;
    const auto address = parse_listen(metrics.listen);
    if (!address) {
      fault("metrics.listen", address.error().what);
    } else if (!address->is_loopback && !metrics.is_public) {
      note(named("metrics.listen", metrics.listen) +
           " is reached from beyond this machine, and nobody shows a key there: set "
           "metrics.public = true or an address of loopback");
    }
  }

  void check_access() {
    const Settings::Server& server = settings_.server;
    if (server.require_keys == true && server.allow_anonymous) {
      note(named("server.require_keys", "true") + " contradicts " +
           named("server.allow_anonymous", "true"));
    }
    if (settings_.is_open_to_others() && server.require_keys == false && !server.allow_anonymous) {
      note(named("server.require_keys", "false") +
           " would let everybody in who reaches server.listen (" + source("server.listen") +
           "): set server.allow_anonymous = true when that is meant");
    }
    if (std::ranges::count(server.allowed_origins, "*") > 0 && !settings_.requires_keys()) {
      fault("server.allowed_origins",
            "\"*\" would let every web page that somebody of this machine opens run programs "
            "without a key: name the origins, or set server.require_keys = true");
    }
  }

  void check_texts() {
    const Settings::Server& server = settings_.server;
    for (const auto& [key, path] :
         std::initializer_list<std::pair<std::string_view, const std::string&>>{
             {"server.unix_socket", server.unix_socket},
             {"server.state", server.state},
             {"server.keeper", server.keeper},
             {"webhooks.secret_file", settings_.webhooks.secret_file}}) {
      if (!path.empty() && !path.starts_with('/')) fault(key, "'" + path + "' is no absolute path");
    }
    for (const std::string& folder : server.runtimes) {
      if (!folder.starts_with('/')) {
        fault("server.runtimes", "'" + folder + "' is no absolute path");
      }
    }
    if (server.state.empty()) fault("server.state", "must not be empty");
    if (server.user.empty()) fault("server.user", "must not be empty");
    for (const std::string& host : server.allowed_hosts) {
      if (!is_host(host)) fault("server.allowed_hosts", "'" + host + "' is no host name");
    }
    for (const std::string& origin : server.allowed_origins) {
      if (origin != "*" && !is_origin(origin)) {
        fault("server.allowed_origins",
              "'" + origin + "' is no origin; write for example https://example.org");
      }
    }
    for (const std::string& pattern : settings_.jobs.env) check_pattern(pattern);
    // Who is called must be able to tell our calls from anybody else's.
    if (settings_.webhooks.enabled && settings_.webhooks.secret_file.empty()) {
      note(named("webhooks.enabled", "true") +
           " needs webhooks.secret_file, the file of a secret to sign results with: "
           "openssl rand -hex 32");
    }
  }

  void check_pattern(const std::string& pattern) {
    std::string name = pattern;
    if (name.ends_with('*')) name.back() = '_';  // "*" alone is "_": a name
    Settings open;
    open.jobs.env = {"*"};
    if (open.allows_variable(name)) return;
    fault("jobs.env",
          "'" + pattern + "' is no name of a variable that may be set, nor its beginning and *");
  }

  // A host as it stands in a Host header, with or without port: letters, digits, . - : [ ]
  static bool is_host(std::string_view text) {
    return !text.empty() && text.size() <= 255 && std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view(".-:[]_").contains(c);
    });
  }
  // RFC 6454 section 6.2: scheme, "://", host, perhaps a port; no path, not even "/".
  static bool is_origin(std::string_view text) {
    const std::size_t end = text.find("://");
    if (end == std::string_view::npos) return false;
    const std::string_view scheme = text.substr(0, end);
    return (scheme == "https" || scheme == "http") && is_host(text.substr(end + 3));
  }

  void check_sizes() {
    const Settings& all = settings_;
    not_above("http.connections_per_address",
              all.http.connections_per_address,
              "http.connections",
              all.http.connections);
    not_above("http.largest_body", all.http.largest_body, "queue.bytes", all.queue.bytes);
    not_above("blobs.largest", all.blobs.largest, "blobs.size", all.blobs.size);
    if (const auto own = all.blobs.size_per_key)
      not_above("blobs.size_per_key", *own, "blobs.size", all.blobs.size);
  }

  // Smallest <= default <= largest, of each limit. A built-in default gives way to a bound.
  void check_stage(const std::string& table, StageLimits& stage) {
    for (const cell::LimitInfo& info : cell::limit_infos()) {
      const Limit limit = info.limit;
      const std::string name(info.name);
      const auto smallest = stage.smallest.get(limit);
      const auto largest = stage.largest.get(limit);
      const std::string smallest_key = table + ".smallest." + name;
      const std::string largest_key = table + ".largest." + name;
      const std::string default_key = table + ".default." + name;
      const auto show = [&](std::uint64_t value) { return limit_text(limit, value); };
      if (smallest && largest && *smallest > *largest) {
        note(named(smallest_key, show(*smallest)) + " is above " +
             named(largest_key, show(*largest)));
        continue;
      }
      const auto given = stage.defaults.get(limit);
      if (given && largest && *given > *largest) {
        if (is_set(default_key)) {
          note(named(default_key, show(*given)) + " is above " +
               named(largest_key, show(*largest)));
        } else {
          move_default(stage, limit, *largest, default_key, largest_key);
        }
      } else if (given && smallest && *given < *smallest) {
        if (is_set(default_key)) {
          note(named(default_key, show(*given)) + " is below " +
               named(smallest_key, show(*smallest)));
        } else {
          move_default(stage, limit, *smallest, default_key, smallest_key);
        }
      }
    }
  }

  void move_default(StageLimits& stage,
                    Limit limit,
                    std::uint64_t value,
                    const std::string& key,
                    const std::string& bound_key) {
    stage.defaults.set(limit, value);
    settings_.sources[key] = "default, moved to " + bound_key;
  }

  // A runtime's three tables, with the general bounds where it has none of its own.
  void check_runtime_stage(const std::string& id,
                           const std::string& stage,
                           const StageLimits& own,
                           const StageLimits& general) {
    const std::string own_table = "runtimes." + id + "." + stage;
    const std::string general_table = "limits." + stage;
    struct Value {
      std::optional<std::uint64_t> value;
      std::string key;
      bool is_own;
    };
    for (const cell::LimitInfo& info : cell::limit_infos()) {
      const auto pick = [&](LimitValues StageLimits::* member, const std::string& word) {
        const auto value = (own.*member).get(info.limit);
        const std::string tail = "." + word + "." + std::string(info.name);
        if (value) return Value{value, own_table + tail, true};
        return Value{(general.*member).get(info.limit), general_table + tail, false};
      };
      const auto compare = [&](const Value& low,
                               const Value& high,
                               std::string_view relation,
                               const Value& subject,
                               const Value& bound) {
        if (!low.value || !high.value || *low.value <= *high.value) return false;
        if (!low.is_own && !high.is_own) return false;  // told already
        note(named(subject.key, limit_text(info.limit, *subject.value)) + " is " +
             std::string(relation) + " " + named(bound.key, limit_text(info.limit, *bound.value)));
        return true;
      };
      const Value smallest = pick(&StageLimits::smallest, "smallest");
      const Value largest = pick(&StageLimits::largest, "largest");
      const Value given = pick(&StageLimits::defaults, "default");
      if (compare(smallest, largest, "above", smallest, largest)) continue;
      if (!given.is_own) continue;  // the general default gives way to a runtime's bound
      if (compare(given, largest, "above", given, largest)) continue;
      compare(smallest, given, "below", given, smallest);
    }
  }

  void check_runtimes() {
    for (const auto& [id, runtime] : settings_.runtimes) {
      check_runtime_stage(id, "run", runtime.run, settings_.run);
      check_runtime_stage(id, "compile", runtime.compile, settings_.compile);
    }
  }

  Settings& settings_;
  std::vector<std::string> faults_;
};

}  // namespace

std::vector<std::string> check_settings(Settings& settings) {
  Checker checker(settings);
  checker.check_all();
  return checker.take();
}

Status fit_to_machine(Settings& settings, const Machine& machine) {
  if (!settings.queue.slots) {
    settings.queue.slots = std::clamp<std::uint64_t>(machine.processors, 1, 4096);
    settings.sources["queue.slots"] = "auto, of the machine";
  }
  const std::uint64_t least = smallest_of(Limit::memory);
  if (!settings.queue.memory) {
    const std::uint64_t share = (machine.memory.bytes() / 4 * 3) >> 20U << 20U;  // whole MiB
    settings.queue.memory = ByteSize::of_bytes(std::max(share, least));
    settings.sources["queue.memory"] = "auto, of the machine";
  }
  const std::uint64_t memory = settings.queue.memory->bytes();
  std::string faults;
  const auto fit = [&](const std::string& table, LimitValues& largest, bool is_general) {
    const auto value = largest.get(Limit::memory);
    const std::string key = table + ".largest.memory";
    if (!value || *value <= memory) return;
    const bool is_given = settings.sources.contains(key);
    if (is_given || !is_general) {
      faults.append(faults.empty() ? "" : "\n")
          .append(key + " (" + limit_text(Limit::memory, *value) + ", " + settings.source_of(key) +
                  ") is above queue.memory (" + to_text(*settings.queue.memory) + ", " +
                  settings.source_of("queue.memory") + "): such a job could never run");
      return;
    }
    largest.set(Limit::memory, memory);
    settings.sources[key] = "default, moved to queue.memory";
  };
  fit("limits.run", settings.run.largest, true);
  fit("limits.compile", settings.compile.largest, true);
  for (auto& [id, runtime] : settings.runtimes) {
    fit("runtimes." + id + ".run", runtime.run.largest, false);
    fit("runtimes." + id + ".compile", runtime.compile.largest, false);
  }
  if (!faults.empty()) return Error{Fault::invalid, std::move(faults), 0};
  // What a default now exceeds, merge_limits lowers; what was set to exceed it is a fault.
  std::string above;
  for (const std::string& fault : check_settings(settings)) {
    above.append(above.empty() ? "" : "\n").append(fault);
  }
  if (!above.empty()) return Error{Fault::invalid, std::move(above), 0};
  return {};
}

}  // namespace retort::api
