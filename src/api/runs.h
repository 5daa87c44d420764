// Runs: from what a caller asks for to a result: the request, its blobs, its order, its run.
// Whoever runs jobs does it by this: the handlers of one job, of batches and of sessions, and
// stored jobs.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/callers.h"
#include "api/cancel.h"
#include "api/engine.h"
#include "api/faults.h"
#include "api/job_request.h"
#include "api/metrics.h"
#include "api/offers.h"
#include "api/problem.h"
#include "api/settings.h"
#include "api/storage.h"
#include "async/gate.h"
#include "async/task.h"
#include "text/json.h"

namespace retort::api {

class Log;

// One thread.
class Runs {
 public:
  // All of it outlives this.
  struct Parts {
    async::Executor executor;
    const runtime::Catalogue& catalogue;
    Engine& engine;
    Storage& storage;
    Metrics& metrics;
    Callers& callers;
    Log& log;
  };

  Runs(const Parts& parts,
       std::shared_ptr<const Settings> settings,
       std::map<std::string, Measured> measured);
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;

  // From here on these hold, for requests that begin.
  void use(std::shared_ptr<const Settings> settings);
  [[nodiscard]] const Offers& offers() const { return offers_; }

  // `path` is where `body` is in what the client sent.
  [[nodiscard]] std::expected<JobRequest, Faults> parse(const text::json::value& body,
                                                        const Caller& caller,
                                                        JobForm form,
                                                        const Path& path = {}) const;
  // Puts the owner's blobs in their places. blob_not_found; unavailable and storage_full: the host
  // is out of something; internal_error: a blob is damaged.
  async::Task<std::optional<Problem>> open_blobs(job::Submission& submission,
                                                 std::vector<BlobUse> blobs,
                                                 std::string owner);
  [[nodiscard]] Order order_of(JobRequest request, const Caller& caller) const;
  // With its blobs, which come from the disk.
  async::Task<std::expected<Order, Problem>> complete(JobRequest request, Caller caller);
  // All of it at once. `member`: of what the client sent, that `body` is; "": the whole.
  async::Task<std::expected<Order, Problem>> order(text::json::value body,
                                                   Caller caller,
                                                   JobForm form,
                                                   std::string_view member = {});

  // Charges the caller with what the order may use; see Callers::charge.
  std::optional<Problem> charge(Order& order, const Caller& caller);
  // Runs a job that a client waits for: `ended` waits for it, and `cancel_all` ends it.
  async::Task<std::expected<job::JobResult, Problem>> run(Order order,
                                                          std::shared_ptr<Cancel> cancel);
  // The result as the client gets it, as JSON; `id` names the job. A large one is written by a
  // worker: nobody else waits for it.
  async::Task<std::string> text_of(job::JobResult result, std::string runtime, std::string id);

  // No new jobs; those under way go on.
  void shut() { gate_.shut(); }
  [[nodiscard]] bool is_shut() const { return gate_.is_closed(); }
  // Returns when the last one has ended, after shut().
  async::Task<> ended() { return gate_.close(); }
  void cancel_all();

 private:
  Parts parts_;
  std::shared_ptr<const Settings> settings_;
  std::map<std::string, Measured> measured_;
  Offers offers_;
  async::Gate gate_;
  std::vector<std::weak_ptr<Cancel>> cancels_;
};

}  // namespace retort::api
