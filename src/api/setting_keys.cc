// Setting keys: the table.
#include "api/setting_keys.h"

#include <algorithm>
#include <array>
#include <utility>

namespace retort::api {
namespace {

using S = Settings;

template <auto Group, auto Member>
SettingField at(Settings& settings) {
  return &(settings.*Group.*Member);
}

struct Bounds {
  std::string_view smallest;
  std::string_view largest;
};
enum class Reload : std::uint8_t { no, yes };

SettingKey key(std::string_view table,
               std::string_view name,
               SettingField (*field)(Settings&),
               Reload reload,
               std::string_view meaning,
               Bounds bounds = {},
               std::string_view word = {},
               std::vector<std::string_view> choices = {}) {
  return {.table = std::string(table),
          .name = std::string(name),
          .field = field,
          .smallest = bounds.smallest,
          .largest = bounds.largest,
          .word = word,
          .choices = std::move(choices),
          .meaning = meaning,
          .reloads = reload == Reload::yes};
}

// The keys with a row of their own; the limits follow from cell::limit_infos().
std::vector<SettingKey> named_keys() {
  using enum Reload;
  constexpr Bounds kShort{.smallest = "100ms", .largest = "1h"};
  constexpr Bounds kLong{.smallest = "1s", .largest = "8784h"};
  constexpr Bounds kStore{.smallest = "1MiB", .largest = "1024TiB"};
  constexpr Bounds kRate{.smallest = "1", .largest = "1000000"};
  // clang-format off
  return {
      key("server", "listen", at<&S::server, &S::Server::listen>, no,
          "addresses to listen on: IPv4, or IPv6 in brackets, and a port"),
      key("server", "unix_socket", at<&S::server, &S::Server::unix_socket>, no,
          "path of a Unix socket to listen on as well; empty: none"),
      key("server", "user", at<&S::server, &S::Server::user>, no,
          "whom a start as root becomes, once the keeper runs"),
      key("server", "state", at<&S::server, &S::Server::state>, no,
          "folder for results, keys, blobs and the compile cache"),
      key("server", "keeper", at<&S::server, &S::Server::keeper>, no,
          "socket of a keeper that somebody else starts; empty: start one"),
      key("server", "require_keys", at<&S::server, &S::Server::require_keys>, yes,
          "must a caller show a key? auto: as soon as an address beyond loopback is listened on",
          {}, "auto"),
      key("server", "allow_anonymous", at<&S::server, &S::Server::allow_anonymous>, yes,
          "let callers without a key in, also from beyond loopback"),
      key("server", "allowed_hosts", at<&S::server, &S::Server::allowed_hosts>, yes,
          "names that a Host header may have besides localhost and addresses, against DNS "
          "rebinding; empty where keys are required: any"),
      key("server", "allowed_origins", at<&S::server, &S::Server::allowed_origins>, yes,
          "origins of web pages of other sites that may call and read the answers (CORS), as "
          "https://example.org; \"*\": any, which needs keys"),
      key("server", "drain_timeout", at<&S::server, &S::Server::drain_timeout>, yes,
          "how long a stop waits for jobs that run", {.smallest = "0s", .largest = "24h"}),
      key("server", "runtimes", at<&S::server, &S::Server::runtimes>, no,
          "folders of runtimes; empty: those that `retort run` uses"),

      key("http", "connections", at<&S::http, &S::Http::connections>, no,
          "open connections at one time", {.smallest = "1", .largest = "100000"}),
      key("http", "connections_per_address", at<&S::http, &S::Http::connections_per_address>, no,
          "of these, from one address; behind a proxy as many as connections",
          {.smallest = "1", .largest = "100000"}),
      key("http", "header_bytes", at<&S::http, &S::Http::header_bytes>, no,
          "request line and headers together", {.smallest = "1KiB", .largest = "1MiB"}),
      key("http", "largest_body", at<&S::http, &S::Http::largest_body>, yes,
          "body of a request, blobs apart", {.smallest = "1KiB", .largest = "1GiB"}),
      key("http", "header_timeout", at<&S::http, &S::Http::header_timeout>, no,
          "from a request's first byte to the end of its headers", kShort),
      key("http", "body_timeout", at<&S::http, &S::Http::body_timeout>, no,
          "from the end of the headers to the end of the body", kShort),
      key("http", "write_timeout", at<&S::http, &S::Http::write_timeout>, no,
          "for a client to take some more of an answer", kShort),
      key("http", "idle_timeout", at<&S::http, &S::Http::idle_timeout>, no,
          "between requests on one connection", kShort),

      key("queue", "length", at<&S::queue, &S::Queue::length>, yes,
          "jobs that wait at one time; more are refused", {.smallest = "1", .largest = "1000000"}),
      key("queue", "bytes", at<&S::queue, &S::Queue::bytes>, yes,
          "bytes of the jobs that wait", {.smallest = "1KiB", .largest = "1TiB"}),
      key("queue", "slots", at<&S::queue, &S::Queue::slots>, no,
          "cells that run at one time; auto: one for each processor",
          {.smallest = "1", .largest = "4096"}, "auto"),
      key("queue", "memory", at<&S::queue, &S::Queue::memory>, no,
          "what the memory limits of the running cells may sum up to; auto: 75 % of the machine's "
          "or the control group's", {.smallest = "4MiB", .largest = "1024TiB"}, "auto"),
      key("queue", "wait", at<&S::queue, &S::Queue::wait>, yes,
          "how long a job whose caller waits may wait for a slot",
          {.smallest = "1ms", .largest = "24h"}),

      key("jobs", "most_tests", at<&S::jobs, &S::Jobs::most_tests>, yes,
          "tests of one job", {.smallest = "0", .largest = "100000"}),
      key("jobs", "most_files", at<&S::jobs, &S::Jobs::most_files>, yes,
          "files of one job", {.smallest = "1", .largest = "10000"}),
      key("jobs", "most_batch", at<&S::jobs, &S::Jobs::most_batch>, yes,
          "jobs of one batch", {.smallest = "1", .largest = "100000"}),
      key("jobs", "files_bytes", at<&S::jobs, &S::Jobs::files_bytes>, yes,
          "bytes of one job's files together, blobs included",
          {.smallest = "1KiB", .largest = "16GiB"}),
      key("jobs", "parallel_tests", at<&S::jobs, &S::Jobs::parallel_tests>, yes,
          "tests of one job that run at one time", {.smallest = "1", .largest = "4096"}),
      key("jobs", "collect_bytes", at<&S::jobs, &S::Jobs::collect_bytes>, yes,
          "bytes of written files that a result brings back",
          {.smallest = "0B", .largest = "1GiB"}),
      key("jobs", "env", at<&S::jobs, &S::Jobs::env>, yes,
          "environment variables that a request may set; * at a name's end stands for anything; "
          "never LD_*, GCONV_PATH, GLIBC_TUNABLES"),

      key("cache", "enabled", at<&S::cache, &S::Cache::enabled>, no,
          "keep what was compiled"),
      key("cache", "size", at<&S::cache, &S::Cache::size>, no,
          "bytes of it; what was not used for longest goes first", kStore),
      key("cache", "age", at<&S::cache, &S::Cache::age>, no,
          "how long it is kept unused", kLong),
      key("cache", "per_key", at<&S::cache, &S::Cache::per_key>, yes,
          "a cache for each key, so that no time tells what another caller compiled"),

      key("blobs", "size", at<&S::blobs, &S::Blobs::size>, yes,
          "bytes of all blobs", kStore),
      key("blobs", "age", at<&S::blobs, &S::Blobs::age>, yes,
          "how long one is kept unused", kLong),
      key("blobs", "largest", at<&S::blobs, &S::Blobs::largest>, yes,
          "one blob", {.smallest = "1KiB", .largest = "1TiB"}),
      key("blobs", "size_per_key", at<&S::blobs, &S::Blobs::size_per_key>, yes,
          "bytes of one key's blobs; callers without a key share one such bound where keys are "
          "required of others; auto: a quarter of size, but at least largest", kStore, "auto"),

      key("async", "keep_results", at<&S::async, &S::Async::keep_results>, yes,
          "how long the result of a job nobody waited for is kept", kLong),
      key("async", "attempts", at<&S::async, &S::Async::attempts>, yes,
          "starts of such a job, when server, keeper or cell die under it, or a blob of it is damaged",
          {.smallest = "1", .largest = "10"}),
      key("async", "most_stored", at<&S::async, &S::Async::most_stored>, yes,
          "such jobs that are kept at one time, waiting ones and results",
          {.smallest = "1", .largest = "10000000"}),
      key("async", "bytes", at<&S::async, &S::Async::bytes>, yes,
          "bytes of their requests and results together", kStore),

      key("webhooks", "enabled", at<&S::webhooks, &S::Webhooks::enabled>, yes,
          "may a job name an address that its result is sent to?"),
      key("webhooks", "allow_private", at<&S::webhooks, &S::Webhooks::allow_private>, yes,
          "also addresses of loopback and private networks"),
      key("webhooks", "attempts", at<&S::webhooks, &S::Webhooks::attempts>, yes,
          "times a result is sent until it is taken", {.smallest = "1", .largest = "20"}),
      key("webhooks", "timeout", at<&S::webhooks, &S::Webhooks::timeout>, yes,
          "of one time", {.smallest = "100ms", .largest = "5min"}),
      key("webhooks", "secret_file", at<&S::webhooks, &S::Webhooks::secret_file>, yes,
          "file with the secret that results are signed with; enabled needs it; read again at a reload"),

      key("rate.key", "requests", at<&S::rate_key, &S::Quota::requests>, yes,
          "requests a minute", kRate, "none"),
      key("rate.key", "burst", at<&S::rate_key, &S::Quota::burst>, yes,
          "requests at once, before that counts", kRate),
      key("rate.key", "parallel", at<&S::rate_key, &S::Quota::parallel>, yes,
          "jobs that wait and run at one time", kRate, "none"),
      key("rate.key", "cpu_time", at<&S::rate_key, &S::Quota::cpu_time>, yes,
          "CPU time of cells an hour; while a job waits and runs, all that its limits allow counts", {.smallest = "1s", .largest = "8784h"}, "none"),

      key("rate.anonymous", "requests", at<&S::rate_anonymous, &S::Quota::requests>, yes,
          "requests a minute", kRate, "none"),
      key("rate.anonymous", "burst", at<&S::rate_anonymous, &S::Quota::burst>, yes,
          "requests at once, before that counts", kRate),
      key("rate.anonymous", "parallel", at<&S::rate_anonymous, &S::Quota::parallel>, yes,
          "jobs that wait and run at one time", kRate, "none"),
      key("rate.anonymous", "cpu_time", at<&S::rate_anonymous, &S::Quota::cpu_time>, yes,
          "CPU time of cells an hour; while a job waits and runs, all that its limits allow counts", {.smallest = "1s", .largest = "8784h"}, "none"),

      key("log", "format", at<&S::log, &S::Log::format>, no,
          "of the lines on stderr", {}, {}, {"text", "json"}),
      key("log", "level", at<&S::log, &S::Log::level>, yes,
          "the least that is logged", {}, {}, {"debug", "info", "warning", "error"}),

      key("metrics", "enabled", at<&S::metrics, &S::Metrics::enabled>, no,
          "answer GET /metrics in the text format of Prometheus"),
      key("metrics", "listen", at<&S::metrics, &S::Metrics::listen>, no,
          "an address of its own for that; empty: those of the server"),
      key("metrics", "public", at<&S::metrics, &S::Metrics::is_public>, yes,
          "without a key, also from beyond loopback"),
  };
  // clang-format on
}

struct LimitTable {
  std::string_view name;
  LimitValues StageLimits::* member;
};
constexpr std::array<LimitTable, 3> kLimitTables = {{{"smallest", &StageLimits::smallest},
                                                     {"default", &StageLimits::defaults},
                                                     {"largest", &StageLimits::largest}}};

void add_limits(std::vector<SettingKey>& keys,
                const std::string& prefix,
                const std::function<StageLimits&(Settings&)>& stage) {
  for (const LimitTable& table : kLimitTables) {
    for (const cell::LimitInfo& info : cell::limit_infos()) {
      keys.push_back({.table = prefix + "." + std::string(table.name),
                      .name = std::string(info.name),
                      .field = [stage, member = table.member, limit = info.limit](
                                   Settings& settings) -> SettingField {
                        return LimitField{&(stage(settings).*member), limit};
                      },
                      .smallest = info.smallest,
                      .largest = info.largest,
                      .word = {},
                      .choices = {},
                      .meaning = info.meaning,
                      .reloads = true});
    }
  }
}

}  // namespace

std::string SettingKey::variable() const {
  std::string text = "RETORT_";
  for (const char c : dotted()) {
    text += c >= 'a' && c <= 'z'   ? static_cast<char>(c - 'a' + 'A')
            : c == '.' || c == '-' ? '_'
                                   : c;
  }
  return text;
}

const std::vector<SettingKey>& setting_keys() {
  static const std::vector<SettingKey> kKeys = [] {
    std::vector<SettingKey> all;
    for (SettingKey& named : named_keys()) {
      if (named.table == "jobs" && named.name == "most_tests") {  // limits stand before jobs
        add_limits(all, "limits.run", [](Settings& s) -> StageLimits& { return s.run; });
        add_limits(all, "limits.compile", [](Settings& s) -> StageLimits& { return s.compile; });
      }
      all.push_back(std::move(named));
    }
    return all;
  }();
  return kKeys;
}

std::vector<SettingKey> runtime_keys(const std::string& id) {
  const std::string table = "runtimes." + id;
  std::vector<SettingKey> keys;
  keys.push_back({.table = table,
                  .name = "enabled",
                  .field = [id](Settings& s) -> SettingField { return &s.runtimes[id].enabled; },
                  .smallest = {},
                  .largest = {},
                  .word = {},
                  .choices = {},
                  .meaning = "may jobs use it?",
                  .reloads = true});
  add_limits(
      keys, table + ".run", [id](Settings& s) -> StageLimits& { return s.runtimes[id].run; });
  add_limits(keys, table + ".compile", [id](Settings& s) -> StageLimits& {
    return s.runtimes[id].compile;
  });
  return keys;
}

std::string_view table_meaning(std::string_view table) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 19> kMeanings = {{
      {"server", "Where it listens, and who may call."},
      {"http", "Connections, sizes and times of HTTP."},
      {"queue", "How many jobs wait, and how many run."},
      {"limits.run.smallest", "The least that a request may ask for in the run stage."},
      {"limits.run.default", "What the run stage gets when neither request nor runtime says."},
      {"limits.run.largest", "The most that a request may ask for in the run stage."},
      {"limits.compile.smallest", "The least that a request may ask for in the compile stage."},
      {"limits.compile.default",
       "What the compile stage gets when neither request nor runtime says."},
      {"limits.compile.largest", "The most that a request may ask for in the compile stage."},
      {"jobs", "How large a job may be."},
      {"cache", "Compiled programs that are kept."},
      {"blobs", "Large inputs, sent once and named by their hash."},
      {"async", "Jobs whose callers do not wait."},
      {"webhooks", "Results sent to an address that the job names."},
      {"rate.key", "What a key gets that has no quota of its own."},
      {"rate.anonymous", "What an address gets whose callers have no key."},
      {"log", "Lines on stderr."},
      {"metrics", "Figures for Prometheus."},
  }};
  const auto* const found =
      std::ranges::find(kMeanings, table, [](const auto& row) { return row.first; });
  return found == kMeanings.end() ? std::string_view{} : found->second;
}

}  // namespace retort::api
