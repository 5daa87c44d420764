// POST /v1/batches: many jobs at once, each told of in a line when it ends.
#include <algorithm>
#include <array>
#include <deque>

#include "api/object_reader.h"
#include "api/service.h"
#include "async/deadline.h"
#include "async/event.h"

namespace retort::api {

using async::Task;
namespace json = text::json;

namespace {

// Beyond those that have a seat: who is next waits in the queue already.
constexpr std::uint64_t kReady = 2;
constexpr base::Duration kQueuePause = std::chrono::milliseconds(100);
constexpr base::Duration kLongestQueuePause = std::chrono::seconds(2);

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

json::object line(std::size_t index, std::string_view name, json::object body) {
  json::object line;
  line["index"] = index;
  line[name] = std::move(body);
  return line;
}

}  // namespace

// What its jobs share with the handler, which waits for all of them.
struct Service::Batch {
  explicit Batch(const async::Executor& executor) : changed(executor) {}

  Caller caller;
  std::vector<std::shared_ptr<Cancel>> cancels;  // by job; null: it does not run
  std::deque<std::string> lines;                 // that are not sent yet
  std::size_t running = 0;
  bool is_gone = false;
  async::Event changed;

  void cancel_all() {
    is_gone = true;
    for (const auto& cancel : cancels) {
      if (cancel) cancel->cancel();
    }
    changed.set();
  }
};

// Its job may be refused for a while by a queue that is full: the batch waits as its client does.
Task<std::expected<json::object, Problem>> Service::run_batched(std::shared_ptr<Batch> batch,
                                                                json::value body,
                                                                std::shared_ptr<Cancel> cancel) {
  base::Duration pause = kQueuePause;
  while (true) {
    // Once more: kept as JSON, a thousand jobs take less than parsed.
    auto request = co_await read_job(body, batch->caller);
    if (!request) co_return std::unexpected(std::move(request).error());
    const std::string runtime = request->runtime_id;
    Order order = order_of(*std::move(request), batch->caller);
    order.longest_wait = base::Duration::max();
    auto result = co_await run_job(std::move(order), cancel);
    if (result) co_return result_json(*result, runtime, make_id());
    if (result.error().code != ProblemCode::queue_full || batch->is_gone)
      co_return std::unexpected(std::move(result).error());
    co_await async::sleep_for(pause);
    pause = std::min(pause * 2, kLongestQueuePause);
  }
}

Task<> Service::run_of_batch(std::shared_ptr<Batch> batch,
                             std::size_t index,
                             json::value body,
                             std::shared_ptr<Callers::JobPass> pass) {
  auto cancel = std::make_shared<Cancel>();
  batch->cancels[index] = cancel;
  auto result = co_await run_batched(batch, std::move(body), cancel);
  json::object told;
  if (result) {
    told = line(index, "result", *std::move(result));
  } else {
    told = line(index, "problem", to_json(result.error()));
  }
  if (!batch->is_gone) batch->lines.push_back(text::compact(told) + "\n");
  batch->cancels[index].reset();
  pass.reset();
  --batch->running;
  batch->changed.set();
}

Task<> Service::run_batch(Call& call) {
  auto body = co_await read_json(call);
  if (!body) co_return co_await call.answer(body.error());
  Faults faults;
  const json::array* const jobs = jobs_of(*body, settings_->jobs.most_batch, faults);
  if (jobs != nullptr) {
    const Path document;
    const Path list = document.at("jobs");
    for (std::size_t i = 0; i < jobs->size(); ++i) {
      auto request = parse_job_request(
          (*jobs)[i], *settings_, offers_, &call.caller.bounds, JobForm::run, list.at(i));
      if (!request) faults.add(std::move(request).error());
    }
  }
  if (!faults.empty()) {
    const Problem problem = problem_of(std::move(faults));
    co_return co_await call.answer(problem);
  }
  if (is_draining_) {
    const Problem problem = draining_problem();
    co_return co_await call.answer(problem);
  }
  // Who has as many jobs as may be cannot begin with another.
  auto first = callers_.enter_job(call.caller);
  if (!first) {
    parts_.metrics.refused(info_of(first.error().code).name);
    co_return co_await call.answer(first.error());
  }
  auto pass = std::make_shared<Callers::JobPass>(*std::move(first));

  auto batch = std::make_shared<Batch>(parts_.executor);
  batch->caller = call.caller;
  batch->cancels.resize(jobs->size());
  call.status = 200;
  call.exchange.on_gone([batch] { batch->cancel_all(); });
  std::vector<http::Header> headers = {{"Content-Type", "application/x-ndjson"},
                                       {"Cache-Control", "no-store"},
                                       {"X-Accel-Buffering", "no"}};
  const auto begun = co_await call.exchange.begin(200, std::move(headers));
  if (!begun) batch->cancel_all();

  std::size_t next = 0;
  while (true) {
    batch->changed.reset();
    const std::uint64_t width = std::min<std::uint64_t>(
        parts_.engine.capacity().seats + kReady, call.caller.most_parallel.value_or(UINT64_MAX));
    // Lines that the client does not take hold up the jobs behind them.
    bool is_refused = false;
    while (!batch->is_gone && next < jobs->size() &&
           batch->running + batch->lines.size() < std::max<std::uint64_t>(1, width)) {
      if (!pass) {
        auto another = callers_.enter_job(call.caller);
        is_refused = !another;
        if (is_refused) break;
        pass = std::make_shared<Callers::JobPass>(*std::move(another));
      }
      ++batch->running;
      json::value item = (*jobs)[next];
      async::spawn(parts_.executor,
                   run_of_batch(batch, next, std::move(item), std::exchange(pass, nullptr)));
      ++next;
    }
    if (!batch->lines.empty() && !batch->is_gone) {
      std::string text;
      for (std::string& told : std::exchange(batch->lines, {})) text += told;
      const auto sent = co_await call.exchange.write(std::move(text));
      if (!sent) batch->cancel_all();
      continue;
    }
    if (batch->running == 0 && (batch->is_gone || next == jobs->size())) break;
    if (is_refused && batch->running == 0) {
      // The caller's other jobs have all places.
      auto wait = batch->changed.wait();
      (void)co_await async::within(kQueuePause, std::move(wait));
    } else {
      co_await batch->changed.wait();
    }
  }
  if (!batch->is_gone) (void)co_await call.exchange.end();
}

}  // namespace retort::api
