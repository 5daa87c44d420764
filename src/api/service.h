// Service: version 1 of the API: which handler answers which request, and what holds for all of
// them: the Host they name, the caller, the figures, the log.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/batch.h"
#include "api/callers.h"
#include "api/count.h"
#include "api/engine.h"
#include "api/job_request.h"
#include "api/log.h"
#include "api/metrics.h"
#include "api/offers.h"
#include "api/problem.h"
#include "api/runs.h"
#include "api/settings.h"
#include "api/storage.h"
#include "async/task.h"
#include "http/exchange.h"
#include "text/json.h"

namespace retort::api {

class JobFeeds;
class JobIntake;
class JobRunner;
class WebhookDelivery;
class Interactive;

// One request under way.
struct Call {
  http::Exchange& exchange;
  Caller caller;
  std::vector<std::string> parts;  // of the path, where the pattern has a name in braces
  unsigned status = 0;             // of the answer, once there is one
  std::string job;                 // its id, for the log

  [[nodiscard]] const http::RequestHead& head() const { return exchange.head(); }
  async::Task<> answer(http::Response response);
  async::Task<> answer(const Problem& problem);
  async::Task<> answer(unsigned code, const text::json::value& body);
};

// An identifier that nobody guesses: 128 random bits, in base32.
std::string make_id();

class Service {
 public:
  // All of it outlives the service.
  struct Parts {
    async::Executor executor;
    const runtime::Catalogue& catalogue;
    Engine& engine;
    Storage& storage;
    Metrics& metrics;
    Log& log;
  };

  Service(const Parts& parts, Settings settings, std::map<std::string, Measured> measured);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  // Stored jobs run, and their webhooks are called, from here on. Before the first request. Errors:
  // the webhooks' secret cannot be had.
  base::Status start();

  // For http::Server.
  async::Task<> handle(http::Exchange& exchange);

  // The same for an address that serves /metrics and nothing else.
  async::Task<> handle_metrics(http::Exchange& exchange);

  // From here on these hold, for requests that begin.
  void use(Settings settings);
  // No new jobs; those under way go on. Returns when the last of them has ended.
  async::Task<> drain();
  // Ends all jobs under way; stored ones are queued again.
  void cancel_all();

  // blob_handlers.cc: forgets old blobs and entries of the audit log now and then; for ever.
  async::Task<> keep_house();

  // Of all routes, for the metrics: "run", "jobs.create".
  static std::vector<std::string> operations();

 private:
  struct Route;
  friend struct Route;
  static const std::vector<Route>& routes();

  async::Task<> wait_for_jobs();
  async::Task<> dispatch(Call& call, const Route& route);
  std::optional<Problem> check_host(const http::RequestHead& head) const;
  std::optional<Problem> check_origin(const http::RequestHead& head) const;

  // run_handler.cc
  async::Task<> run(Call& call);
  // job_handlers.cc
  async::Task<> create_job(Call& call);
  async::Task<base::Result<std::optional<std::string>>> find_accepted(std::string owner,
                                                                      std::string key,
                                                                      std::string digest);
  async::Task<> answer_accepted(Call& call, std::string id);
  async::Task<> list_jobs(Call& call);
  async::Task<> show_job(Call& call);
  async::Task<> delete_job(Call& call);
  // job_events_handler.cc
  async::Task<> follow_job(Call& call);
  // batch_handler.cc
  async::Task<> run_batch(Call& call);
  std::expected<std::vector<JobRequest>, Faults> requests_of(const text::json::value& body,
                                                             const Caller& caller) const;
  async::Task<> run_of_batch(Batch::Turn turn,
                             JobRequest request,
                             Caller caller,
                             CpuQuotas::Charge charge);
  // runtime_handlers.cc
  async::Task<> list_runtimes(Call& call);
  async::Task<> show_runtime(Call& call);
  // key_handlers.cc
  async::Task<> create_key(Call& call);
  async::Task<> list_keys(Call& call);
  async::Task<> show_key(Call& call);
  async::Task<> revoke_key(Call& call);
  async::Task<> list_audit(Call& call);
  // interactive_handler.cc
  async::Task<> interact(Call& call);
  async::Task<std::optional<std::string>> run_interactive(Call& call,
                                                          std::shared_ptr<Interactive> session,
                                                          text::json::object message,
                                                          bool is_announced);
  std::expected<Order, Problem> announced_order(text::json::object message,
                                                const Caller& caller) const;
  async::Task<bool> join_interactive(Order& order,
                                     std::shared_ptr<Interactive> session,
                                     Caller caller,
                                     bool is_announced);
  // blob_handlers.cc
  async::Task<> store_blob(Call& call);
  async::Task<> send_blob(Call& call);
  async::Task<> forget_blob(Call& call);
  async::Task<> evict_blobs();
  base::ByteSize most_of(const Caller& caller) const;
  Count& uploading_of(const std::string& owner);
  // operation_handlers.cc
  async::Task<> health(Call& call);
  async::Task<> metrics(Call& call);
  async::Task<> answer_metrics(Call& call);
  async::Task<> openapi(Call& call);

  // ---- What handlers share. ----

  // A body of JSON as it came; 415, 413 and 400 as problems.
  async::Task<std::expected<std::string, Problem>> read_body(Call& call);
  // The same, parsed.
  async::Task<std::expected<text::json::value, Problem>> read_json(Call& call);
  void tell_what_is_missing() const;

  Parts parts_;
  std::shared_ptr<const Settings> settings_;
  Callers callers_;
  Runs runs_;
  std::unique_ptr<JobFeeds> feeds_;
  std::unique_ptr<JobIntake> intake_;
  std::unique_ptr<WebhookDelivery> webhooks_;
  std::unique_ptr<JobRunner> runner_;
  // Bytes of blobs on their way in, and of those that came since the last eviction.
  Count uploading_;
  std::map<std::string, Count> uploading_of_;  // by owner
  std::uint64_t uploaded_ = 0;
};

}  // namespace retort::api
