// POST /v1/batches: many jobs at once, each told of in a line when it ends.
#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "api/object_reader.h"
#include "api/service.h"
#include "async/deadline.h"

namespace retort::api {

using async::Task;
namespace json = text::json;

namespace {

// Beyond those that have a seat: who is next waits in the queue already.
constexpr std::uint64_t kReady = 2;

constexpr std::array<std::string_view, 1> kFields = {"jobs"};

// The array in it, or null, with the faults of what is around it.
const json::array* jobs_of(const json::value& body, std::uint64_t most, Faults& faults) {
  const Path document;
  if (!is_object(body, document, faults)) return nullptr;
  const ObjectReader object(body.get_object(), document, faults, kFields);
  if (object.need("jobs") == nullptr) return nullptr;
  const json::array* const jobs = object.array("jobs");
  if (jobs == nullptr) return nullptr;
  if (jobs->empty() || jobs->size() > most) {
    faults.add(document.at("jobs"),
               FaultCode::out_of_bounds,
               "1 to " + std::to_string(most) + " jobs, not " + std::to_string(jobs->size()));
    return nullptr;
  }
  return jobs;
}

// The places in the batch, in the order in which they run.
std::vector<std::size_t> order_of(const std::vector<JobRequest>& requests) {
  std::vector<std::size_t> order(requests.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, std::less<>(), [&](std::size_t place) {
    return std::pair(-requests[place].priority, place);
  });
  return order;
}

base::Duration cpu_ceiling_of(const std::vector<JobRequest>& requests) {
  base::Duration sum{};
  for (const JobRequest& request : requests) sum += job::cpu_ceiling_of(request.submission);
  return sum;
}

}  // namespace

// A queue that is full does not refuse it: the batch waits as its client does.
Task<> Service::run_of_batch(Batch::Turn turn,
                             JobRequest request,
                             Caller caller,
                             CpuQuotas::Charge charge) {
  try {
    const std::string id = make_id();
    const std::string runtime = request.runtime_id;
    const std::string key = caller.key_id;
    auto order = co_await runs_.complete(std::move(request), std::move(caller));
    if (!order) {
      // What is told of a request that ends here is of the whole batch.
      parts_.log.info("job did not take place",
                      {{"job", id},
                       {"kind", "batch"},
                       {"runtime", runtime},
                       {"code", info_of(order.error().code).name},
                       {"key", key}});
      co_return turn.fail(order.error());
    }
    order->id = id;
    order->kind = "batch";
    order->longest_wait = base::Duration::max();
    order->waits_for_room = true;
    order->charge = std::make_shared<CpuQuotas::Charge>(std::move(charge));
    auto result = co_await runs_.run(*std::move(order), turn.cancel());
    if (!result) co_return turn.fail(result.error());
    const std::string text = co_await runs_.text_of(*std::move(result), runtime, id);
    turn.succeed(text);
  } catch (const std::bad_alloc&) {
    turn.fail(memory_problem());
  }
}

// Parsed once, and kept so until their turn.
std::expected<std::vector<JobRequest>, Faults> Service::requests_of(const json::value& body,
                                                                    const Caller& caller) const {
  Faults faults;
  std::vector<JobRequest> requests;
  const json::array* const jobs = jobs_of(body, settings_->jobs.most_batch, faults);
  if (jobs == nullptr) return std::unexpected(std::move(faults));
  const Path document;
  const Path list = document.at("jobs");
  for (std::size_t i = 0; i < jobs->size(); ++i) {
    auto request = runs_.parse((*jobs)[i], caller, JobForm::run, list.at(i));
    if (request) {
      requests.push_back(*std::move(request));
    } else {
      faults.add(std::move(request).error());
    }
  }
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return requests;
}

Task<> Service::run_batch(Call& call) {
  auto body = co_await read_json(call);
  if (!body) co_return co_await call.answer(body.error());
  auto requests = requests_of(*body, call.caller);
  if (!requests) {
    const Problem problem = problem_of(std::move(requests).error());
    co_return co_await call.answer(problem);
  }
  *body = nullptr;  // it may be large, and is needed no more
  if (runs_.is_shut()) {
    const Problem problem = draining_problem();
    co_return co_await call.answer(problem);
  }
  // Who has as many jobs as may be cannot begin with another.
  auto first = callers_.enter_job(call.caller);
  if (!first) {
    parts_.metrics.refused(info_of(first.error().code).name);
    co_return co_await call.answer(first.error());
  }
  std::optional<Callers::JobPass> pass(*std::move(first));
  // All of it or none: who is let in has what the last job may need as well.
  auto charge = callers_.charge(call.caller, cpu_ceiling_of(*requests));
  if (!charge) {
    parts_.metrics.refused(info_of(charge.error().code).name);
    co_return co_await call.answer(charge.error());
  }

  const auto batch = std::make_shared<Batch>(parts_.executor, requests->size());
  call.status = 200;
  call.exchange.on_gone([batch] { batch->leave(); });
  std::vector<http::Header> headers = {{"Content-Type", "application/x-ndjson"},
                                       {"Cache-Control", "no-store"},
                                       {"X-Accel-Buffering", "no"}};
  const auto begun = co_await call.exchange.begin(200, std::move(headers));
  if (!begun) batch->leave();

  const std::vector<std::size_t> order = order_of(*requests);
  std::size_t next = 0;
  while (true) {
    batch->changed().reset();
    const std::uint64_t width = std::min<std::uint64_t>(
        parts_.engine.capacity().seats + kReady, call.caller.most_parallel.value_or(UINT64_MAX));
    // Lines that the client does not take hold up the jobs behind them.
    bool is_refused = false;
    while (!batch->is_left() && next < requests->size() &&
           batch->running() + batch->lines() < std::max<std::uint64_t>(1, width)) {
      if (!pass) {
        auto another = callers_.enter_job(call.caller);
        is_refused = !another;
        if (is_refused) break;
        pass.emplace(*std::move(another));
      }
      const std::size_t place = order[next++];
      auto turn = batch->begin(place, std::move(*pass));
      pass.reset();
      JobRequest request = std::move((*requests)[place]);
      auto part = charge->split(job::cpu_ceiling_of(request.submission));
      async::spawn(parts_.executor,
                   run_of_batch(std::move(turn), std::move(request), call.caller, std::move(part)));
    }
    if (batch->lines() > 0 && !batch->is_left()) {
      std::string text = batch->take_lines();
      const auto sent = co_await call.exchange.write(std::move(text));
      if (!sent) batch->leave();
      continue;
    }
    if (batch->running() == 0 && (batch->is_left() || next == requests->size())) break;
    if (is_refused) {
      // The caller's jobs have all places, and not only those of this batch.
      auto freed = callers_.place_freed(call.caller);
      co_await async::either(batch->changed().wait(), std::move(freed));
    } else {
      co_await batch->changed().wait();
    }
  }
  if (!batch->is_left()) (void)co_await call.exchange.end();
}

}  // namespace retort::api
