// Server: one thread runs HTTP, the keeper's socket and every job; workers wait for the disk.
#include "api/server.h"

#include <csignal>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>

#include "api/engine.h"
#include "api/log.h"
#include "api/memory_bound.h"
#include "api/metrics.h"
#include "api/service.h"
#include "api/service_manager.h"
#include "api/setting_keys.h"
#include "api/storage.h"
#include "async/deadline.h"
#include "async/loop_bridge.h"
#include "http/server.h"
#include "job/compile_cache.h"

namespace retort::api {

using async::Task;
using base::Error;
using base::Fault;
using base::Result;
using base::Status;
namespace asio = async::asio;

namespace {

// Cells have the other three (queue.memory).
constexpr std::uint64_t kPartForServer = 4;
// What answers have left to be sent when their jobs have ended.
constexpr base::Duration kLastAnswers = std::chrono::seconds(5);
// Of a body or an answer, in a second, once the first timeout has passed.
constexpr base::ByteSize kLeastRate = base::ByteSize::of_bytes(32U << 10U);

http::Options options_of(const Settings& settings, Log& log) {
  http::Options options;
  const auto& http = settings.http;
  options.header_bytes = http.header_bytes;
  options.header_time = http.header_timeout;
  options.body_idle = http.body_timeout;
  options.write_stall = http.write_timeout;
  options.keep_alive = http.idle_timeout;
  // Bodies and answers are in memory for as long as they are on their way.
  options.least_rate = kLeastRate;
  options.connections = http.connections;
  options.connections_per_address = http.connections_per_address;
  options.has_room = has_memory_reserve;
  options.log = [&log](const std::string& line) { log.warning("http", {{"error", line}}); };
  return options;
}

MetricLabels labels_of(const runtime::Catalogue& catalogue, const std::string& version) {
  MetricLabels labels;
  labels.version = version;
  for (const runtime::CatalogueEntry& entry : catalogue.entries())
    labels.runtimes.push_back(entry.manifest.id);
  labels.operations = Service::operations();
  for (const ProblemInfo& info : problem_infos()) labels.refusals.emplace_back(info.name);
  return labels;
}

LogOptions log_options(const Settings& settings) {
  LogOptions options;
  options.format = find_format(settings.log.format).value_or(LogFormat::text);
  options.level = find_level(settings.log.level).value_or(LogLevel::info);
  return options;
}

class Server {
 public:
  explicit Server(ServerParts parts)
      : parts_(std::move(parts)),
        log_(log_options(parts_.settings)),
        metrics_(labels_of(parts_.catalogue, parts_.version)),
        signals_(context_, SIGTERM, SIGINT, SIGHUP) {
    async::tell_defects_to([this](const char* what) {
      log_.error("a task ended by an exception", {{"error", what}});
    });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() { async::tell_defects_to(nullptr); }

  Status run() {
    RETORT_TRY(storage_, Storage::open(parts_.settings));
    RETORT_CHECK(check_keys());
    RETORT_TRY(bridge_,
               async::LoopBridge::create(
                   context_, parts_.loop, [this](const Error& error) { fail(error); }));
    const async::Executor executor = context_.get_executor();
    shelf_.emplace(executor, *storage_);
    cache_.emplace(*shelf_);
    aside_.emplace(executor, *storage_);
    engine_.emplace(Engine::Parts{.executor = executor,
                                  .loop = parts_.loop,
                                  .metrics = metrics_,
                                  .log = log_,
                                  .cache = storage_->has_cache() ? &*cache_ : nullptr,
                                  .aside = &*aside_,
                                  .allow_unenforced = parts_.allow_unenforced},
                    parts_.settings);
    use_keeper();
    service_.emplace(Service::Parts{.executor = executor,
                                    .catalogue = parts_.catalogue,
                                    .engine = *engine_,
                                    .storage = *storage_,
                                    .metrics = metrics_,
                                    .log = log_},
                     parts_.settings,
                     parts_.measured);
    RETORT_CHECK(service_->start());
    RETORT_CHECK(listen());
    async::spawn(executor, obey_signals());
    async::spawn(executor, show_life());
    // What it is made of is not bounded, only what requests add.
    RETORT_TRY(const Machine machine, measure_machine());
    RETORT_CHECK(bound_memory(ByteSize::of_bytes(machine.memory.bytes() / kPartForServer)));
    tell_ready();
    async::spawn(executor, service_->keep_house());
    turn();
    // What waits for the disk is waited for, before what it works on goes.
    http_.reset();
    metrics_http_.reset();
    if (failed_) return *std::move(failed_);
    return {};
  }

 private:
  // What is thrown beside every request is the end of the server, and is told as one.
  void turn() {
    try {
      context_.run();
    } catch (const std::bad_alloc&) {
      fail(Error{Fault::exhausted, "out of memory", 0});
    }
  }

  // A server that nobody may call is a mistake of its operator.
  Status check_keys() {
    if (!parts_.settings.requires_keys()) return {};
    RETORT_TRY(const bool has_key, storage_->has_valid_key());
    if (has_key) return {};
    return Error{Fault::invalid,
                 "callers need a key here, and there is none yet: retort key create --name NAME "
                 "(with the same --config and --set; server.state is " +
                     parts_.settings.server.state + ")",
                 0};
  }

  Status listen() {
    RETORT_TRY(http_,
               http::Server::create(
                   context_, options_of(parts_.settings, log_), [this](http::Exchange& exchange) {
                     metrics_.connections_are(http_->statistics().open);
                     return service_->handle(exchange);
                   }));
    RETORT_CHECK(parts_.sockets.empty() ? open_sockets() : adopt_sockets());
    if (const std::string& address = parts_.settings.metrics.listen; !address.empty()) {
      RETORT_TRY(metrics_http_,
                 http::Server::create(
                     context_, options_of(parts_.settings, log_), [this](http::Exchange& exchange) {
                       metrics_.connections_are(http_->statistics().open);
                       return service_->handle_metrics(exchange);
                     }));
      RETORT_CHECK(metrics_http_->listen_tcp(address));
      for (const std::string& bound : metrics_http_->addresses())
        log_.info("metrics", {{"address", bound}});
    }
    for (const std::string& address : http_->addresses())
      log_.info("listening", {{"address", address}});
    return {};
  }

  Status open_sockets() {
    for (const std::string& address : parts_.settings.server.listen)
      RETORT_CHECK(http_->listen_tcp(address));
    if (const std::string& path = parts_.settings.server.unix_socket; !path.empty()) {
      constexpr mode_t kForItsGroup = 0660;
      RETORT_CHECK(http_->listen_unix(path, kForItsGroup));
    }
    return {};
  }

  Status adopt_sockets() {
    for (base::Fd& socket : parts_.sockets) RETORT_CHECK(http_->adopt(std::move(socket)));
    return {};
  }

  void use_keeper() {
    engine_->use(parts_.keeper.get());
    parts_.keeper->on_lost([this] {
      // The client is still on the stack.
      engine_->use(nullptr);
      async::spawn(context_.get_executor(), replace_keeper());
    });
  }

  Task<> replace_keeper() {
    log_.error("the keeper has died", {});
    if (!parts_.replace_keeper) {
      fail(Error{Fault::gone, "retort-keeper has died; start the server again", 0});
      co_return;
    }
    // A job that waits for something else may turn to it yet, and is told then.
    if (engine_->jobs() == 0) former_keepers_.clear();
    former_keepers_.push_back(std::move(parts_.keeper));
    for (int attempt = 1;; ++attempt) {
      auto keeper = parts_.replace_keeper();
      if (keeper) {
        parts_.keeper = *std::move(keeper);
        break;
      }
      log_.error("no keeper", {{"error", keeper.error()}, {"attempt", attempt}});
      co_await async::sleep_for(std::chrono::seconds(1));
    }
    use_keeper();
    log_.info("a new keeper serves", {});
  }

  // For as long as this thread turns.
  static Task<> show_life() {
    const base::Duration interval = alive_every();
    while (interval.count() != 0) {
      tell_alive();
      co_await async::sleep_for(interval);
    }
  }

  Task<> obey_signals() {
    bool is_stopping = false;
    for (;;) {
      boost::system::error_code error;
      const int number =
          co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      if (number == SIGHUP) {
        reload();
      } else if (!std::exchange(is_stopping, true)) {
        log_.info("draining", {{"jobs", engine_->jobs()}});
        tell_stopping();
        async::spawn(context_.get_executor(), stop());
      } else {
        service_->cancel_all();
      }
    }
  }

  void reload() {
    auto settings = parts_.reload();
    if (!settings) {
      log_.error("the settings stay as they were", {{"error", settings.error()}});
      return;
    }
    // Where it listens and what it shares out were settled at the start: what follows from them,
    // whether callers need keys above all, must not be decided by what a file says now.
    for (const std::string& key : keep_until_restart(parts_.settings, *settings))
      log_.warning("needs a restart", {{"key", key}});
    log_.set_level(find_level(settings->log.level).value_or(LogLevel::info));
    parts_.settings = *settings;
    service_->use(*std::move(settings));
    log_.info("settings reloaded", {});
  }

  // Jobs under way end in their time, the rest are ended; then every answer is sent.
  Task<> stop() {
    http_->stop_accepting();
    auto drained = service_->drain();
    const auto in_time =
        co_await async::within(parts_.settings.server.drain_timeout, std::move(drained));
    if (!in_time) log_.warning("jobs are ended", {{"jobs", engine_->jobs()}});
    service_->cancel_all();
    co_await service_->drain();
    co_await http_->drain(kLastAnswers);
    context_.stop();
  }

  void fail(const Error& error) {
    if (!failed_) failed_ = error;
    context_.stop();
  }

  ServerParts parts_;
  Log log_;
  Metrics metrics_;
  asio::io_context context_{1};
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<async::LoopBridge> bridge_;
  std::optional<DiskShelf> shelf_;
  std::optional<job::CompileCache> cache_;
  std::optional<FileAside> aside_;
  std::optional<Engine> engine_;
  std::optional<Service> service_;
  std::unique_ptr<http::Server> http_;
  std::unique_ptr<http::Server> metrics_http_;  // only for /metrics; null: there is no such address
  std::vector<std::unique_ptr<keeper::Client>> former_keepers_;
  asio::signal_set signals_;
  std::optional<Error> failed_;
};

}  // namespace

Status serve(ServerParts parts) {
  Server server(std::move(parts));
  return server.run();
}

}  // namespace retort::api
