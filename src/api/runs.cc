// Runs: each step of the way, and the jobs that are on it.
#include "api/runs.h"

#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "api/log.h"
#include "api/storage_problem.h"
#include "job/build.h"
#include "job/output_files.h"
#include "job/report.h"

namespace retort::api {

using async::Task;

Runs::Runs(const Parts& parts,
           std::shared_ptr<const Settings> settings,
           std::map<std::string, Measured> measured)
    : parts_(parts),
      settings_(std::move(settings)),
      measured_(std::move(measured)),
      offers_(parts_.catalogue, measured_, *settings_, job::can_unpack()),
      gate_(parts_.executor) {}

void Runs::use(std::shared_ptr<const Settings> settings) {
  settings_ = std::move(settings);
  offers_ = Offers(parts_.catalogue, measured_, *settings_, job::can_unpack());
}

std::expected<JobRequest, Faults> Runs::parse(const text::json::value& body,
                                              const Caller& caller,
                                              JobForm form,
                                              const Path& path) const {
  return parse_job_request(body, *settings_, offers_, &caller.bounds, form, path);
}

Task<std::optional<Problem>> Runs::open_blobs(job::Submission& submission,
                                              std::vector<BlobUse> blobs,
                                              std::string owner) {
  for (const BlobUse& use : blobs) {
    auto open = [owner, sha256 = use.sha256, now = utc_now_us()](Storage::Stores& stores) {
      return stores.blobs.open(owner, sha256, now);
    };
    auto blob = co_await parts_.storage.run(std::move(open));
    if (!blob) {
      if (blob.error().fault != base::Fault::not_found) {
        parts_.log.error("a blob cannot be opened",
                         {{"blob", use.sha256}, {"error", blob.error()}});
        if (blob.error().fault == base::Fault::exhausted) co_return storage_problem(blob.error());
        co_return internal_problem();
      }
      Problem problem{.code = ProblemCode::blob_not_found,
                      .detail = "you have uploaded no blob " + use.sha256 + ", which " +
                                use.pointer + " names"};
      co_return problem;
    }
    // Whoever reads the file keeps the blob from being evicted.
    struct Held {
      base::Fd file;
      store::Hold hold;
    };
    auto held = std::make_shared<const Held>(Held{std::move(blob->file), std::move(blob->hold)});
    job::Input input{.text = {}, .file = std::shared_ptr<const base::Fd>(held, &held->file)};
    if (!put_blob(submission, use, std::move(input))) co_return internal_problem();
  }
  co_return std::nullopt;
}

Order Runs::order_of(JobRequest request, const Caller& caller) const {
  Order order;
  order.submission = std::move(request.submission);
  if (settings_->cache.per_key) order.submission.cache_scope = caller.owner;
  order.runtime = std::move(request.runtime_id);
  order.key = caller.key_id;
  order.owner = caller.turn;
  order.priority = request.priority;
  order.bytes = request.bytes;
  order.use_cache = request.use_cache;
  order.longest_wait = settings_->queue.wait;
  // Stored jobs and those that are waited for share the owner's seats.
  if (caller.most_parallel) {
    order.most_at_once =
        static_cast<unsigned>(std::clamp<std::uint64_t>(*caller.most_parallel, 1, UINT_MAX));
  }
  return order;
}

Task<std::expected<Order, Problem>> Runs::complete(JobRequest request, Caller caller) {
  auto problem =
      co_await open_blobs(request.submission, std::exchange(request.blobs, {}), caller.owner);
  if (problem) co_return std::unexpected(*std::move(problem));
  co_return order_of(std::move(request), caller);
}

Task<std::expected<Order, Problem>> Runs::order(text::json::value body,
                                                Caller caller,
                                                JobForm form,
                                                std::string_view member) {
  const Path whole;
  auto request = parse(body, caller, form, member.empty() ? whole : whole.at(member));
  if (!request) co_return std::unexpected(problem_of(std::move(request).error()));
  co_return co_await complete(*std::move(request), std::move(caller));
}

std::optional<Problem> Runs::charge(Order& order, const Caller& caller) {
  auto charge = parts_.callers.charge(caller, job::cpu_ceiling_of(order.submission));
  if (!charge) {
    parts_.metrics.refused(info_of(charge.error().code).name);
    return std::move(charge).error();
  }
  order.charge = std::make_shared<CpuQuotas::Charge>(*std::move(charge));
  return std::nullopt;
}

Task<std::expected<job::JobResult, Problem>> Runs::run(Order order,
                                                       std::shared_ptr<Cancel> cancel) {
  const auto pass = gate_.enter();
  if (!pass) co_return std::unexpected(draining_problem());
  constexpr std::size_t kMany = 64;
  if (cancels_.size() > kMany && cancels_.size() > 2 * parts_.engine.jobs())
    std::erase_if(cancels_, [](const auto& weak) { return weak.expired(); });
  cancels_.push_back(cancel);
  auto result = co_await parts_.engine.run(std::move(order), std::move(cancel));
  if (!result) parts_.metrics.refused(info_of(result.error().code).name);
  co_return result;
}

namespace {

// What is written within a fraction of a millisecond.
constexpr std::uint64_t kSmall = 64U << 10U;

std::uint64_t bytes_of(const job::StageResult& stage) {
  return stage.stdout_text.bytes.size() + stage.stderr_text.bytes.size();
}

std::uint64_t bytes_of(const job::JobResult& result) {
  std::uint64_t sum = 0;
  for (const job::StageResult& stage : result.stages) sum += bytes_of(stage);
  for (const job::TestResult& test : result.tests) {
    for (const auto* stage : {&test.run, &test.judge}) sum += *stage ? bytes_of(**stage) : 0;
  }
  struct stat files{};
  if (result.files.is_open() && ::fstat(result.files.get(), &files) == 0)
    sum += static_cast<std::uint64_t>(files.st_size);
  return sum;
}

}  // namespace

Task<std::string> Runs::text_of(job::JobResult result, std::string runtime, std::string id) {
  const bool is_small = bytes_of(result) <= kSmall;
  auto write = [result = std::make_shared<const job::JobResult>(std::move(result)),
                runtime = std::move(runtime),
                id = std::move(id),
                most = settings_->jobs.collect_bytes] {
    const auto files = result->files.is_open() ? job::read_output_files(result->files, most)
                                               : std::vector<job::OutputFile>();
    text::json::object record = job::to_json(*result, runtime, files);
    record["id"] = id;
    return text::compact(record);
  };
  if (is_small) co_return write();
  co_return co_await parts_.storage.with_files(std::move(write));
}

void Runs::cancel_all() {
  for (const auto& weak : std::exchange(cancels_, {})) {
    if (const auto cancel = weak.lock()) cancel->cancel();
  }
}

}  // namespace retort::api
