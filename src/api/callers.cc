// Callers: keys are looked up in the database and remembered for a second; quotas are counted here.
#include "api/callers.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "text/digest.h"

namespace retort::api {

using base::Duration;
using base::Fault;

namespace {

constexpr Duration kRemembered = std::chrono::seconds(1);
constexpr std::size_t kMostRemembered = 10'000;
constexpr double kMinute = 60e6;
constexpr std::string_view kScheme = "Bearer ";

std::string address_of(const std::string& peer) {
  const std::size_t colon = peer.rfind(':');
  return colon == std::string::npos ? peer : peer.substr(0, colon);
}

Problem unauthorized(std::string detail) {
  return {.code = ProblemCode::unauthorized, .detail = std::move(detail)};
}

// The token of a Bearer header; the scheme's name in any case of letters.
std::optional<std::string> bearer_token(const http::RequestHead& head) {
  const std::string* const header = head.header("authorization");
  if (header == nullptr || header->size() <= kScheme.size()) return std::nullopt;
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  const std::string_view scheme = std::string_view(*header).substr(0, kScheme.size());
  if (!std::ranges::equal(scheme, kScheme, same)) return std::nullopt;
  return header->substr(kScheme.size());
}

}  // namespace

async::Task<std::expected<Callers::KnownKey, Problem>> Callers::look_up(std::string token) {
  const std::string name = text::sha256_hex(token);
  const Duration now = base::monotonic_now();
  if (const auto known = keys_.find(name);
      known != keys_.end() && now - known->second.asked_at < kRemembered)
    co_return known->second;
  const std::int64_t utc = utc_now_us();
  auto ask = [token, utc](Storage::Stores& stores) { return stores.keys.authenticate(token, utc); };
  auto key = co_await storage_.run(std::move(ask));
  if (!key) {
    keys_.erase(name);
    if (key.error().fault == Fault::denied)
      co_return std::unexpected(unauthorized(key.error().what));
    co_return std::unexpected(internal_problem());
  }
  const auto bounds = parse_key_bounds(key->bounds_json);
  if (!bounds) co_return std::unexpected(internal_problem());
  KnownKey known{.key = *std::move(key), .bounds = *bounds, .asked_at = now};
  known.bounds.largest_priority = known.key.priority_max;
  if (keys_.size() >= kMostRemembered) keys_.clear();
  const bool is_new_use =
      !known.key.last_used_us || utc - *known.key.last_used_us > 60LL * 1'000'000;
  if (is_new_use) {
    known.key.last_used_us = utc;
    auto touch = [id = known.key.id, utc](Storage::Stores& stores) {
      (void)stores.keys.touch(id, utc);
    };
    async::spawn(co_await async::asio::this_coro::executor, storage_.run(std::move(touch)));
  }
  keys_.insert_or_assign(name, known);
  co_return known;
}

async::Task<std::expected<Caller, Problem>> Callers::identify(const http::RequestHead& head) {
  Caller caller;
  const Settings::Quota* quota = &settings_->rate_anonymous;
  std::optional<std::uint64_t> per_minute = quota->requests;
  if (head.header("authorization") != nullptr) {
    auto token = bearer_token(head);
    if (!token) co_return std::unexpected(unauthorized("Authorization must be: Bearer <key>"));
    auto known = co_await look_up(*std::move(token));
    if (!known) co_return std::unexpected(std::move(known).error());
    quota = &settings_->rate_key;
    caller.key_id = known->key.id;
    caller.owner = known->key.id;
    caller.turn = "key " + known->key.id;
    caller.scopes = known->key.scopes;
    caller.bounds = known->bounds;
    caller.most_parallel = quota->parallel;
    if (known->key.concurrency)
      caller.most_parallel = static_cast<std::uint64_t>(*known->key.concurrency);
    per_minute = known->key.rate_per_minute
                     ? std::optional(static_cast<std::uint64_t>(*known->key.rate_per_minute))
                     : quota->requests;
  } else {
    if (settings_->requires_keys()) {
      co_return std::unexpected(
          unauthorized("this server wants an API key: Authorization: Bearer <key>"));
    }
    caller.turn = "address " + address_of(head.peer);
    // Whoever reaches this server without a key may do all but manage it.
    caller.scopes = store::scope::kRun | store::scope::kRead;
    caller.most_parallel = quota->parallel;
  }
  if (auto refusal = take_request(caller.turn, per_minute, quota->burst))
    co_return std::unexpected(*std::move(refusal));
  co_return caller;
}

std::optional<Problem> Callers::take_request(const std::string& turn,
                                             std::optional<std::uint64_t> per_minute,
                                             std::uint64_t burst) {
  if (!per_minute) return std::nullopt;
  const Duration now = base::monotonic_now();
  const double rate = static_cast<double>(*per_minute) / kMinute;
  const double most = static_cast<double>(std::max<std::uint64_t>(1, burst));
  if (buckets_.size() >= kMostRemembered && !buckets_.contains(turn)) {
    // A full bucket says as much as none.
    std::erase_if(buckets_, [&](const auto& entry) {
      const Bucket& bucket = entry.second;
      return bucket.requests + rate * static_cast<double>((now - bucket.filled_at).count()) >= most;
    });
  }
  const auto [found, is_new] = buckets_.try_emplace(turn, Bucket{most, now});
  Bucket& bucket = found->second;
  bucket.requests = std::min(
      most, bucket.requests + rate * static_cast<double>((now - bucket.filled_at).count()));
  bucket.filled_at = now;
  if (bucket.requests >= 1) {
    bucket.requests -= 1;
    return std::nullopt;
  }
  const auto wait = static_cast<std::uint64_t>((1 - bucket.requests) / rate / 1e6) + 1;
  return Problem{.code = ProblemCode::rate_limited,
                 .detail = "at most " + std::to_string(*per_minute) + " requests a minute",
                 .retry_after_s = wait};
}

std::expected<Callers::JobPass, Problem> Callers::enter_job(const Caller& caller) {
  auto& count = jobs_[caller.turn];
  if (!count) count = std::make_shared<std::uint64_t>(0);
  if (caller.most_parallel && *count >= *caller.most_parallel) {
    return std::unexpected(
        Problem{.code = ProblemCode::too_many_jobs,
                .detail = "you have " + std::to_string(*count) +
                          " jobs waiting or running, and may have no more at one time",
                .retry_after_s = 1});
  }
  JobPass pass(count);
  if (jobs_.size() >= kMostRemembered) {
    std::erase_if(jobs_, [](const auto& entry) { return *entry.second == 0; });
  }
  return pass;
}

}  // namespace retort::api
