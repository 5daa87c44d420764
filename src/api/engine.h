// Engine: from a submission that may run to its result: its place in the queue, its seat, its job.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/cancel.h"
#include "api/count.h"
#include "api/cpu_quotas.h"
#include "api/log.h"
#include "api/metrics.h"
#include "api/problem.h"
#include "api/settings.h"
#include "async/event.h"
#include "async/task.h"
#include "base/error.h"
#include "base/units.h"
#include "job/compile_cache.h"
#include "job/job.h"
#include "job/scheduler.h"
#include "keeper/client.h"
#include "kernel/event_loop.h"

namespace retort::api {

// Who asks, and what of.
struct Order {
  job::Submission submission;
  std::string runtime;  // its id, for the figures
  // For the log: the job's id, what it came as ("run", "batch", "stored", "interactive"), and the
  // id of the key that sent it, if any.
  std::string id = {};
  std::string_view kind = {};
  std::string key = {};
  std::string owner;  // whose turn it is
  int priority = 0;
  std::uint64_t bytes = 0;    // that it holds while it waits
  unsigned most_at_once = 0;  // seats that the owner may have; 0: as many as there are
  bool use_cache = true;
  std::shared_ptr<CpuQuotas::Charge> charge;  // settled to what its cells use; null: none
  base::Duration longest_wait = base::Duration::max();
  bool waits_for_room = false;  // where the queue is full, instead of being refused
  std::function<void(std::size_t ahead)> on_moved;  // a place in the queue
  // It has its seat. Here an order may be completed that was only announced, within the memory that
  // it has its seat for; an answer that is false ends the job as cancelled.
  std::function<async::Task<bool>(Order&)> on_seat;
  std::function<void(const std::shared_ptr<job::Job>&)> on_started;
};

class Engine {
 public:
  struct Parts {
    async::Executor executor;
    kernel::EventLoop& loop;
    Metrics& metrics;
    Log& log;
    job::CompileCache* cache = nullptr;
    job::Aside* aside = nullptr;
    std::uint32_t allow_unenforced = 0;  // bits per cell::Limit
  };

  // All of it outlives the engine.
  Engine(const Parts& parts, const Settings& settings);

  // Jobs from here on run with this keeper; null: there is none, and they are refused.
  void use(keeper::Client* keeper) { keeper_ = keeper; }
  void resize(const Settings& settings);

  // Returns when the job has ended, also when it was cancelled: then its outcome says so. A Problem
  // means that it did not take place.
  async::Task<std::expected<job::JobResult, Problem>> run(Order order,
                                                          std::shared_ptr<Cancel> cancel);

  [[nodiscard]] job::Scheduler::Figures figures() const { return scheduler_.figures(); }
  [[nodiscard]] const job::Capacity& capacity() const { return scheduler_.capacity(); }
  // Jobs between their admission and their result.
  [[nodiscard]] std::uint64_t jobs() const { return jobs_.value(); }

 private:
  struct Work;
  async::Task<std::expected<bool, Problem>> await_seat(std::shared_ptr<Work> work,
                                                       std::shared_ptr<Cancel> cancel);
  async::Task<std::expected<job::JobResult, Problem>> run_job(std::shared_ptr<Work> work,
                                                              std::shared_ptr<Cancel> cancel);
  async::Task<std::expected<job::Scheduler::Admission, Problem>> join(
      std::shared_ptr<Work> work, std::shared_ptr<Cancel> cancel);
  Problem problem_of_full_queue(const base::Error& error) const;
  void count(const job::JobResult& result, const std::string& runtime);
  void tell_end(const Order& order, const std::expected<job::JobResult, Problem>& result);
  void tell_figures();
  void tell_of_room();

  Parts parts_;
  keeper::Client* keeper_ = nullptr;
  job::Scheduler scheduler_;
  async::Event room_;  // set and reset when somebody has left the queue
  Count jobs_;
};

}  // namespace retort::api
