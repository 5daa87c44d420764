// Engine: one coroutine a job; what it waits for is told by callbacks of the scheduler and the job.
#include "api/engine.h"

#include <algorithm>
#include <utility>

#include "async/deadline.h"
#include "async/event.h"
#include "base/clock.h"

namespace retort::api {

using base::ByteSize;
using base::Duration;
using base::Error;
using base::Fault;
using job::JobResult;
using job::Scheduler;

namespace {

constexpr std::int64_t kLongestRetry = 60;

job::Capacity capacity_of(const Settings& settings) {
  return {.seats = static_cast<unsigned>(settings.queue.slots.value_or(1)),
          .memory = settings.queue.memory.value_or(ByteSize()),
          .queue_length = settings.queue.length,
          .queue_bytes = settings.queue.bytes};
}

JobResult cancelled_result() {
  JobResult result;
  result.outcome = cell::Outcome::cancelled;
  result.message = "cancelled before it began";
  return result;
}

// That a job did not take place is told in our words; what is wrong with the host is in the log.
Problem problem_of(const Error& error) {
  switch (error.fault) {
    case Fault::invalid:
      return {.code = ProblemCode::invalid_request, .detail = error.what};
    case Fault::exhausted:
      return {.code = ProblemCode::unavailable,
              .detail = "this server has run out of what it makes cells of; try again",
              .retry_after_s = 1};
    case Fault::gone:
      return {.code = ProblemCode::unavailable,
              .detail = "the cells of this server were lost; try again",
              .retry_after_s = 1};
    default:
      return internal_problem();
  }
}

// One that stands, for the figures, while this exists.
class CountedCell {
 public:
  explicit CountedCell(Metrics& metrics) : metrics_(metrics) { metrics_.cell_started(); }
  CountedCell(const CountedCell&) = delete;
  CountedCell& operator=(const CountedCell&) = delete;
  ~CountedCell() { metrics_.cell_ended(); }

 private:
  Metrics& metrics_;
};

// In whichever way a job ends: while nobody knows what its cells have used, it counts as all that
// they could.
class Unsettled {
 public:
  explicit Unsettled(std::shared_ptr<CpuQuotas::Charge> charge) : charge_(std::move(charge)) {}
  Unsettled(const Unsettled&) = delete;
  Unsettled& operator=(const Unsettled&) = delete;
  ~Unsettled() {
    if (charge_) charge_->use_all();
  }
  void settle() { charge_.reset(); }

 private:
  std::shared_ptr<CpuQuotas::Charge> charge_;
};

}  // namespace

// What outlives whoever waits for it.
struct Engine::Work {
  explicit Work(const async::Executor& executor) : changed(executor) {}

  Order order;
  job::Demand demand;
  Duration queued{};
  std::optional<Scheduler::Seat> seat;
  std::shared_ptr<job::Job> job;
  std::optional<base::Result<JobResult>> result;
  bool is_refused = false;  // by whoever completes it, who tells why
  async::Event changed;
};

Engine::Engine(const Parts& parts, const Settings& settings)
    : parts_(parts), scheduler_(capacity_of(settings)), room_(parts_.executor) {
  resize(settings);
}

void Engine::resize(const Settings& settings) {
  scheduler_.resize(capacity_of(settings));
  tell_of_room();
  parts_.metrics.capacity_is(scheduler_.capacity().seats, scheduler_.capacity().memory);
}

async::Task<std::expected<JobResult, Problem>> Engine::run(Order order,
                                                           std::shared_ptr<Cancel> cancel) {
  const async::Executor executor = co_await async::asio::this_coro::executor;
  auto work = std::make_shared<Work>(executor);
  work->order = std::move(order);
  work->demand = {.owner = work->order.owner,
                  .priority = work->order.priority,
                  .memory = job::memory_of(work->order.submission),
                  .bytes = work->order.bytes,
                  .most_at_once = work->order.most_at_once};
  const Count::Share counted = jobs_.take(1);
  auto seated = co_await await_seat(work, cancel);
  std::expected<JobResult, Problem> result = cancelled_result();
  if (!seated) {
    result = std::unexpected(std::move(seated).error());
  } else if (*seated) {
    result = co_await run_job(work, cancel);
  }
  cancel->on_cancel(nullptr);
  work->seat.reset();
  tell_of_room();
  if (result) {
    result->queued = work->queued;
    count(*result, work->order.runtime);
  }
  if (!work->is_refused) tell_end(work->order, result);
  tell_figures();
  co_return result;
}

// A place in the queue, or the seat. One who waits for room gets a place that is nobody's when it
// is cancelled meanwhile.
async::Task<std::expected<Scheduler::Admission, Problem>> Engine::join(
    std::shared_ptr<Work> work, std::shared_ptr<Cancel> cancel) {
  for (;;) {
    auto on_seat = [work](Scheduler::Seat seat) {
      work->seat.emplace(std::move(seat));
      work->changed.set();
    };
    auto admission = scheduler_.join(work->demand, std::move(on_seat), work->order.on_moved);
    if (admission) co_return *std::move(admission);
    if (admission.error().fault != Fault::exhausted) {
      co_return std::unexpected(
          Problem{.code = ProblemCode::limit_out_of_bounds, .detail = admission.error().what});
    }
    if (!work->order.waits_for_room)
      co_return std::unexpected(problem_of_full_queue(admission.error()));
    cancel->on_cancel([this] { tell_of_room(); });
    if (!cancel->is_cancelled()) co_await room_.wait();
    cancel->on_cancel(nullptr);
    if (cancel->is_cancelled()) {
      work->changed.set();  // it waits for no seat
      co_return Scheduler::Admission{};
    }
  }
}

// All who wait for room look again: who was first is up to the scheduler, as it is between others.
void Engine::tell_of_room() {
  room_.set();
  room_.reset();
}

// False: it was cancelled first.
async::Task<std::expected<bool, Problem>> Engine::await_seat(std::shared_ptr<Work> work,
                                                             std::shared_ptr<Cancel> cancel) {
  const Duration since = base::monotonic_now();
  auto admission = co_await join(work, cancel);
  if (!admission) co_return std::unexpected(std::move(admission).error());
  tell_figures();
  if (admission->seat) {
    work->seat.emplace(*std::move(admission->seat));
  } else {
    cancel->on_cancel([work] { work->changed.set(); });
    if (work->order.longest_wait == Duration::max()) {
      co_await work->changed.wait();
    } else {
      auto wait = work->changed.wait();
      (void)co_await async::within(work->order.longest_wait, std::move(wait));
    }
    cancel->on_cancel(nullptr);
    admission->place.leave();
    tell_of_room();
  }
  work->queued = base::monotonic_now() - since;
  parts_.metrics.phase_took(Phase::queue, work->queued);
  if (cancel->is_cancelled()) co_return false;
  if (!work->seat) {
    co_return std::unexpected(
        Problem{.code = ProblemCode::queue_timeout,
                .detail = "no place was free within " + base::to_text(work->order.longest_wait),
                .retry_after_s = 1});
  }
  co_return true;
}

async::Task<std::expected<JobResult, Problem>> Engine::run_job(std::shared_ptr<Work> work,
                                                               std::shared_ptr<Cancel> cancel) {
  if (work->order.on_seat) {
    const bool goes_on = co_await work->order.on_seat(work->order);
    work->is_refused = !goes_on && !cancel->is_cancelled();
    if (!goes_on || cancel->is_cancelled()) co_return cancelled_result();
  }
  if (keeper_ == nullptr) {
    co_return std::unexpected(problem_of(Error{Fault::gone, "no keeper", 0}));
  }
  auto count_cell = [&metrics = parts_.metrics] {
    return std::make_shared<const CountedCell>(metrics);
  };
  const job::Means means{.loop = parts_.loop,
                         .keeper = *keeper_,
                         .cache = work->order.use_cache ? parts_.cache : nullptr,
                         .aside = parts_.aside,
                         .on_cell = std::move(count_cell),
                         .on_cpu_time = [charge = work->order.charge](Duration used) {
                           if (charge) charge->use(used);
                         }};
  auto done = [weak = std::weak_ptr(work)](base::Result<JobResult> ended) {
    const auto waiting = weak.lock();
    if (!waiting) return;
    waiting->result.emplace(std::move(ended));
    waiting->changed.set();
  };
  auto take_seat = [this, demand = work->demand] { return scheduler_.take_spare(demand); };
  work->order.submission.allow_unenforced = parts_.allow_unenforced;
  work->changed.reset();
  work->job = std::make_shared<job::Job>(
      means, std::move(work->order.submission), std::move(done), std::move(take_seat));
  cancel->on_cancel([job = std::weak_ptr(work->job)] {
    if (const auto running = job.lock()) running->cancel();
  });
  Unsettled unsettled(work->order.charge);
  if (work->order.on_started) work->order.on_started(work->job);
  work->job->start();
  co_await work->changed.wait();
  work->job.reset();
  base::Result<JobResult>& result = *work->result;
  // What the cells of a dead keeper have used, it took with it.
  if (result || result.error().fault != Fault::gone) unsettled.settle();
  if (!result) co_return std::unexpected(problem_of(result.error()));
  co_return std::move(*result);
}

Problem Engine::problem_of_full_queue(const Error& error) const {
  const Duration forecast = scheduler_.figures().forecast;
  const std::int64_t seconds = std::clamp<std::int64_t>(
      std::chrono::ceil<std::chrono::seconds>(forecast).count(), 1, kLongestRetry);
  return {.code = ProblemCode::queue_full,
          .detail = error.what,
          .retry_after_s = static_cast<std::uint64_t>(seconds),
          .extra = {{"forecast_us", forecast.count()}}};
}

void Engine::count(const JobResult& result, const std::string& runtime) {
  parts_.metrics.job_ended(runtime, result.outcome);
  Duration setup{};
  Duration collect{};
  for (const job::StageResult& stage : result.stages) {
    if (stage.is_cached) {
      parts_.metrics.cache_hit();
      continue;
    }
    const Duration wall(static_cast<Duration::rep>(stage.facts.wall_us));
    setup += Duration(static_cast<Duration::rep>(stage.facts.setup_us));
    collect += Duration(static_cast<Duration::rep>(stage.facts.collect_us));
    if (stage.name == "compile") {
      parts_.metrics.phase_took(Phase::compile, wall);
      if (parts_.cache != nullptr) parts_.metrics.cache_missed();
    }
    if (stage.name == "run") parts_.metrics.phase_took(Phase::run, wall);
  }
  if (result.stages.empty()) return;
  parts_.metrics.phase_took(Phase::setup, setup);
  parts_.metrics.phase_took(Phase::collect, collect);
}

// Nothing of what a stranger sent is in it, so that a log of every job costs little and tells no
// secret.
void Engine::tell_end(const Order& order, const std::expected<JobResult, Problem>& result) {
  if (!result) {
    parts_.log.info("job did not take place",
                    {{"job", order.id},
                     {"kind", order.kind},
                     {"runtime", order.runtime},
                     {"code", info_of(result.error().code).name},
                     {"key", order.key}});
    return;
  }
  parts_.log.info("job ended",
                  {{"job", order.id},
                   {"kind", order.kind},
                   {"runtime", order.runtime},
                   {"status", cell::outcome_name(result->outcome)},
                   {"key", order.key},
                   {"queued_us", result->queued},
                   {"total_us", result->total}});
}

void Engine::tell_figures() {
  const auto figures = scheduler_.figures();
  parts_.metrics.queue_is(figures.waiting, ByteSize::of_bytes(figures.waiting_bytes));
  parts_.metrics.memory_admitted_is(figures.memory_taken);
}

}  // namespace retort::api
