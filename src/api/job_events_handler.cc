// GET /v1/jobs/{id}/events: what becomes of a stored job, as server-sent events.
#include "api/job_feed.h"
#include "api/job_runner.h"
#include "api/service.h"
#include "async/deadline.h"
#include "store/jobs.h"

namespace retort::api {

using async::Task;
using base::Fault;
using base::Result;
using store::JobState;
namespace json = text::json;

namespace {

// Below what proxies commonly wait for.
constexpr base::Duration kPing = std::chrono::seconds(15);

struct Standing {
  Result<store::Job> job;
  std::int64_t ahead = 0;
};

Task<Standing> standing_of(Storage& storage, std::string owner, std::string id) {
  auto work = [owner = std::move(owner), id = std::move(id)](Storage::Stores& stores) {
    Standing standing{.job = stores.jobs.look_up(owner, id)};
    if (standing.job && standing.job->state == JobState::queued)
      standing.ahead = stores.jobs.ahead_of(owner, id).value_or(0);
    return standing;
  };
  return storage.run(std::move(work));
}

// What is stored is {"result": …} or {"problem": …}: the data of the last event as it is.
std::string last_event(const std::string& outcome) {
  const bool is_problem = outcome.starts_with("{\"problem\"");
  return std::string(is_problem ? "event: problem\n" : "event: result\n") + "data: " + outcome +
         "\n\n";
}

}  // namespace

Task<> Service::follow_job(Call& call) {
  const std::string id = call.parts.front();
  const std::string owner = call.caller.owner;
  // Before the state is asked for, so that nothing falls between the two.
  auto feed = feeds_->open(id);
  const std::string* const header = call.head().header("last-event-id");
  const std::string last = header == nullptr ? "" : *header;
  const bool goes_on = feed->knows(last);
  auto follower = feed->follow(last);
  Standing standing = co_await standing_of(parts_.storage, owner, id);
  if (!standing.job) {
    const bool is_missing = standing.job.error().fault == Fault::not_found;
    Problem problem = internal_problem();
    if (is_missing)
      problem = {.code = ProblemCode::not_found, .detail = "there is no job " + shown(id)};
    co_return co_await call.answer(problem);
  }
  call.job = id;
  call.status = 200;
  auto is_gone = std::make_shared<bool>(false);
  call.exchange.on_gone([is_gone, follower] {
    *is_gone = true;
    follower->woken.set();
  });
  std::vector<http::Header> headers = {{"Content-Type", "text/event-stream"},
                                       {"Cache-Control", "no-store"},
                                       {"X-Accel-Buffering", "no"}};
  if (!co_await call.exchange.begin(200, std::move(headers))) co_return;
  if (call.head().method == "HEAD") {
    (void)co_await call.exchange.end();
    co_return;
  }

  if (!goes_on && standing.job->state != JobState::done) {
    std::string state;
    if (standing.job->state == JobState::running) {
      state = JobFeed::event("started", json::object{{"attempt", standing.job->attempts}});
    } else {
      const auto job = runner_->find(id);
      std::int64_t ahead = standing.ahead;
      if (job && job->ahead) ahead = static_cast<std::int64_t>(*job->ahead);
      state = JobFeed::event("queued", json::object{{"ahead", ahead}});
    }
    if (!co_await call.exchange.write(std::move(state))) co_return;
  }
  bool is_done = standing.job->state == JobState::done;
  while (!is_done) {
    follower->woken.reset();
    if (*is_gone) co_return;
    auto text = feed->take(*follower);
    // Too slow: it is cut, and asks again.
    if (!text) co_return;
    if (!text->empty()) {
      if (!co_await call.exchange.write(*std::move(text))) co_return;
      continue;
    }
    if (feed->is_ended()) break;
    auto wait = follower->woken.wait();
    const auto is_woken = co_await async::within(kPing, std::move(wait));
    if (is_woken) continue;
    std::string ping = ": ping\n\n";
    if (!co_await call.exchange.write(std::move(ping))) co_return;
  }
  if (!is_done) {
    standing = co_await standing_of(parts_.storage, owner, id);
    is_done = standing.job && standing.job->state == JobState::done;
  }
  if (is_done) {
    std::string outcome = last_event(standing.job->result);
    if (!co_await call.exchange.write(std::move(outcome))) co_return;
  }
  // Without a result the server stops; a client comes again, and asks the next one.
  (void)co_await call.exchange.end();
}

}  // namespace retort::api
