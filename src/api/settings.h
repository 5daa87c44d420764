// Settings: every key of `retort serve`, as one value. The keys' names, bounds and meanings stand
// in one table, api/setting_keys.h; docs/reference/configuration.md is made from it.
//
// In a default here: nothing (std::nullopt) stands for the word that the key's table row gives it,
// "auto" or "none". 0 never means unlimited.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/limit_values.h"
#include "api/merge_limits.h"
#include "base/error.h"
#include "base/units.h"
#include "runtime/command.h"
#include "runtime/manifest.h"

namespace retort::api {

using namespace base;  // NOLINT(google-build-using-namespace): units are the vocabulary of settings

// Of one stage: the bounds of a request's values, and what it gets when it says nothing.
struct StageLimits {
  LimitValues smallest;
  LimitValues defaults;
  LimitValues largest;
};

// What is different for one runtime: [runtimes.ID]. Limits that it does not name are the general
// ones.
struct RuntimeSettings {
  bool enabled = true;
  StageLimits run;
  StageLimits compile;
};

struct Settings {
  struct Server {
    std::vector<std::string> listen = {"127.0.0.1:8080"};
    std::string unix_socket;
    std::string user = "retort";
    std::string state;   // see default_state
    std::string keeper;  // empty: the server starts one
    std::optional<bool> require_keys;
    bool allow_anonymous = false;
    std::vector<std::string> allowed_hosts;
    std::vector<std::string> allowed_origins;
    Duration drain_timeout{30'000'000};
    std::vector<std::string> runtimes;  // folders; none: those of `retort run`
  } server;

  struct Http {
    std::uint64_t connections = 1024;
    std::uint64_t connections_per_address = 256;
    ByteSize header_bytes = 32_KiB;
    ByteSize largest_body = 8_MiB;
    Duration header_timeout{10'000'000};
    Duration body_timeout{60'000'000};
    Duration write_timeout{60'000'000};
    Duration idle_timeout{75'000'000};
  } http;

  struct Queue {
    std::uint64_t length = 1000;
    ByteSize bytes = 256_MiB;
    std::optional<std::uint64_t> slots;
    std::optional<ByteSize> memory;
    Duration wait{60'000'000};
  } queue;

  StageLimits run;
  StageLimits compile;
  std::map<std::string, RuntimeSettings> runtimes;

  struct Jobs {
    std::uint64_t most_tests = 500;
    std::uint64_t most_files = 256;
    std::uint64_t most_batch = 1000;
    ByteSize files_bytes = 32_MiB;
    std::uint64_t parallel_tests = 4;
    ByteSize collect_bytes = 16_MiB;
    std::vector<std::string> env = {"*"};
  } jobs;

  struct Cache {
    bool enabled = true;
    ByteSize size = 2_GiB;
    Duration age{7LL * 24 * 3'600'000'000};
    bool per_key = false;
  } cache;

  struct Blobs {
    ByteSize size = 4_GiB;
    Duration age{24LL * 3'600'000'000};
    ByteSize largest = 256_MiB;
    std::optional<ByteSize> size_per_key;

    // What one key's blobs may have; where keys are not required, those without one are not bound.
    [[nodiscard]] ByteSize most_of_key() const;
  } blobs;

  struct Async {
    Duration keep_results{24LL * 3'600'000'000};
    std::uint64_t attempts = 3;
    std::uint64_t most_stored = 100'000;
    ByteSize bytes = 4_GiB;
  } async;

  struct Webhooks {
    bool enabled = false;
    bool allow_private = false;
    std::uint64_t attempts = 5;
    Duration timeout{10'000'000};
    std::string secret_file;
  } webhooks;

  // Per key, and for all callers without one, per address.
  struct Quota {
    std::optional<std::uint64_t> requests;  // a minute
    std::uint64_t burst = 100;
    std::optional<std::uint64_t> parallel;  // jobs queued and running
    std::optional<Duration> cpu_time;       // an hour
  };
  Quota rate_key{.requests = 600, .burst = 100, .parallel = 256, .cpu_time = {}};
  Quota rate_anonymous{.requests = 120, .burst = 30, .parallel = 16, .cpu_time = {}};

  struct Log {
    std::string format = "text";  // or "json"
    std::string level = "info";   // debug, info, warning, error
  } log;

  struct Metrics {
    bool enabled = true;
    std::string listen;  // empty: /metrics of the server's own addresses
    bool is_public = false;
  } metrics;

  // Where each value came from, by dotted key: "/etc/retort/retort.toml:12", "environment
  // RETORT_QUEUE_LENGTH", "--listen". A key that is not in it has its built-in default.
  std::map<std::string, std::string, std::less<>> sources;
  std::string file;  // the file that was read; empty: none

  // With the limits' tables filled in.
  Settings();

  [[nodiscard]] std::string source_of(std::string_view key) const;  // "default" when not given
  // Is an address listened on that others than this machine reach?
  [[nodiscard]] bool is_open_to_others() const;
  // Must a caller show a key? `require_keys`, where "auto" means: when open to others and no
  // anonymous ones are allowed.
  [[nodiscard]] bool requires_keys() const;
  // May a request have this Host header? Addresses and "localhost" may, since nobody else can point
  // them here, and what `allowed_hosts` lists, there without a port for every port. Every name may
  // when that list is empty and keys are required: a page that was led here has none.
  [[nodiscard]] bool allows_host(std::string_view host) const;
  // May a page of this origin (RFC 6454) call from a browser? One of our own pages is for the
  // caller to tell: its origin is the Host header's.
  [[nodiscard]] bool allows_origin(std::string_view origin) const;
  [[nodiscard]] bool is_enabled(std::string_view runtime) const;
  // May a request set this variable of a program's environment? Its name must be one, be on the
  // list `jobs.env`, and not steer the dynamic linker or libc (kDeniedVariables in settings.cc).
  [[nodiscard]] bool allows_variable(std::string_view name) const;

  // The server's part of merge_limits for one stage of one runtime: its bounds, and as defaults the
  // built-in ones, then [limits.STAGE.default], then what the manifest sets itself, then
  // [runtimes.ID.STAGE.default]. For a key of its own, push its bounds behind; after a reload ask
  // again.
  [[nodiscard]] LimitLayers limit_layers(runtime::StageKind stage,
                                         const runtime::Manifest& manifest) const;
};

// An address to listen on: an IPv4 address or an IPv6 address in brackets, and a port.
struct ListenAddress {
  std::string address;  // without brackets
  std::uint16_t port = 0;
  bool is_loopback = false;
};
// Fault::invalid for names, missing ports and everything else.
Result<ListenAddress> parse_listen(std::string_view text);

// Faults that lie between keys or in a text's form, one a line, each naming the keys and where
// their values came from: a default above its largest, an anonymous server open to others, an
// address that is none. Moves built-in defaults of limits into bounds that were given.
std::vector<std::string> check_settings(Settings& settings);

// "auto" made numbers: `queue.slots` and `queue.memory` from this machine; where the largest
// `memory` of a stage is built in, it is lowered to `queue.memory`, since a job above that could
// never run. Fault::invalid when it was set above.
struct Machine {
  std::uint64_t processors = 1;
  ByteSize memory;
};
Status fit_to_machine(Settings& settings, const Machine& machine);

// The processors that this process may use and the machine's memory, or less where the control
// group of this process says so (memory.max, memory.limit_in_bytes, cpu.max, cpu.cfs_quota_us).
// `root` is where /proc and /sys are, for tests.
Result<Machine> measure_machine(const std::string& root = "");

}  // namespace retort::api
