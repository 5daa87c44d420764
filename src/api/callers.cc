// Callers: keys are looked up in the database and remembered for a second; quotas are counted here.
#include "api/callers.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "text/digest.h"
#include "text/encodings.h"

namespace retort::api {

using base::Duration;
using base::Fault;

namespace {

constexpr Duration kRemembered = std::chrono::seconds(1);
constexpr std::size_t kMostRemembered = 10'000;
constexpr double kMinute = 60e6;
constexpr std::uint64_t kGuesses = 120;  // a minute, where callers without a key have no bound
constexpr std::string_view kScheme = "Bearer ";

// An IPv4 address, or the /64 of an IPv6 one: who has one such address has all of them.
std::string network_of(const std::string& peer) {
  const std::size_t colon = peer.rfind(':');
  if (colon == std::string::npos) return peer;
  std::string host = peer.substr(0, colon);
  if (!host.starts_with('[')) return host;
  host = host.substr(1, host.find_first_of("]%") - 1);
  in6_addr address{};
  if (::inet_pton(AF_INET6, host.c_str(), &address) != 1) return host;
  constexpr std::size_t kPrefix = 8;
  std::string bytes(kPrefix, '\0');
  std::memcpy(bytes.data(), &address, kPrefix);
  return text::hex(bytes);
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
  Settings::Quota quota = settings_->rate_anonymous;
  std::optional<std::uint64_t> per_minute = quota.requests;
  if (head.header("authorization") != nullptr) {
    auto token = bearer_token(head);
    if (!token) co_return std::unexpected(unauthorized("Authorization must be: Bearer <key>"));
    auto known = co_await look_up(*std::move(token));
    if (!known) {
      // Who guesses is told to wait. A key that is right is never refused for that: behind a proxy
      // all callers have one address.
      if (known.error().code == ProblemCode::unauthorized) {
        auto spent = take_request(
            "guesses of " + network_of(head.peer), quota.requests.value_or(kGuesses), quota.burst);
        if (spent) co_return std::unexpected(*std::move(spent));
      }
      co_return std::unexpected(std::move(known).error());
    }
    quota = settings_->rate_key;
    caller.key_id = known->key.id;
    caller.owner = known->key.id;
    caller.turn = "key " + known->key.id;
    caller.scopes = known->key.scopes;
    caller.bounds = known->bounds;
    caller.most_parallel = quota.parallel;
    caller.cpu_time = quota.cpu_time;
    if (known->key.concurrency)
      caller.most_parallel = static_cast<std::uint64_t>(*known->key.concurrency);
    per_minute = known->key.rate_per_minute
                     ? std::optional(static_cast<std::uint64_t>(*known->key.rate_per_minute))
                     : quota.requests;
  } else {
    if (settings_->requires_keys()) {
      co_return std::unexpected(
          unauthorized("this server wants an API key: Authorization: Bearer <key>"));
    }
    caller.turn = "address " + network_of(head.peer);
    // Whoever reaches this server without a key may do all but manage it.
    caller.scopes = store::scope::kRun | store::scope::kRead;
    caller.most_parallel = quota.parallel;
    caller.cpu_time = quota.cpu_time;
  }
  if (auto refusal = take_request(caller.turn, per_minute, quota.burst))
    co_return std::unexpected(*std::move(refusal));
  co_return caller;
}

void Callers::Bucket::fill(Duration now) {
  requests = std::min(most, requests + rate * static_cast<double>((now - filled_at).count()));
  filled_at = now;
}

// What a bucket says that is empty; nothing while there is something in it, or there is none.
std::optional<Problem> Callers::is_spent(const std::string& turn) {
  const auto found = buckets_.find(turn);
  if (found == buckets_.end()) return std::nullopt;
  Bucket& bucket = found->second;
  bucket.fill(base::monotonic_now());
  if (bucket.requests >= 1) return std::nullopt;
  const auto wait = static_cast<std::uint64_t>((1 - bucket.requests) / bucket.rate / 1e6) + 1;
  const auto per_minute = static_cast<std::uint64_t>(std::llround(bucket.rate * kMinute));
  return Problem{.code = ProblemCode::rate_limited,
                 .detail = "at most " + std::to_string(per_minute) + " requests a minute",
                 .retry_after_s = wait};
}

std::optional<Problem> Callers::take_request(const std::string& turn,
                                             std::optional<std::uint64_t> per_minute,
                                             std::uint64_t burst) {
  if (!per_minute) return std::nullopt;
  const Duration now = base::monotonic_now();
  std::string name = turn;
  if (buckets_.size() >= kMostRemembered && !buckets_.contains(turn)) {
    // A full bucket says as much as none. When there are none, newcomers share one.
    for (auto& entry : buckets_) entry.second.fill(now);
    std::erase_if(buckets_,
                  [](const auto& entry) { return entry.second.requests >= entry.second.most; });
    if (buckets_.size() >= kMostRemembered) name = "newcomers";
  }
  const double most = static_cast<double>(std::max<std::uint64_t>(1, burst));
  Bucket& bucket =
      buckets_.try_emplace(name, Bucket{.requests = most, .filled_at = now}).first->second;
  bucket.most = most;
  bucket.rate = static_cast<double>(*per_minute) / kMinute;
  if (auto spent = is_spent(name)) return spent;
  bucket.requests -= 1;
  return std::nullopt;
}

Callers::Jobs::Jobs(const async::Executor& executor)
    : freed(std::make_shared<async::Event>(executor)), count([freed = freed] { freed->set(); }) {}

Callers::Jobs& Callers::jobs_of(const Caller& caller) {
  if (jobs_.size() >= kMostRemembered && !jobs_.contains(caller.turn))
    std::erase_if(jobs_, [](const auto& entry) { return entry.second.is_idle(); });
  return jobs_.try_emplace(caller.turn, executor_).first->second;
}

std::expected<Callers::JobPass, Problem> Callers::enter_job(const Caller& caller) {
  Jobs& own = jobs_of(caller);
  Count& jobs = own.count;
  if (caller.most_parallel && jobs.value() >= *caller.most_parallel) {
    own.freed->reset();
    return std::unexpected(
        Problem{.code = ProblemCode::too_many_jobs,
                .detail = "you have " + std::to_string(jobs.value()) +
                          " jobs waiting or running, and may have no more at one time",
                .retry_after_s = 1});
  }
  return jobs.take(1);
}

std::expected<Callers::BodyPass, Problem> Callers::enter_body(const Caller& caller,
                                                              std::uint64_t bytes,
                                                              std::uint64_t most) {
  const auto refused = [](std::string detail) {
    return std::unexpected(
        Problem{.code = ProblemCode::unavailable, .detail = std::move(detail), .retry_after_s = 1});
  };
  if (bodies_.value() > 0 && bodies_.value() + bytes > most)
    return refused("too many large bodies are on their way; try again");
  // A quarter is for others than whoever has filled the rest.
  Count& own = jobs_of(caller).bodies;
  if (own.value() > 0 && own.value() + bytes > most - most / 4)
    return refused("too many large bodies of yours are on their way; try again");
  return BodyPass(bodies_.take(bytes), own.take(bytes));
}

async::Task<> Callers::place_freed(const Caller& caller) {
  return jobs_of(caller).freed->wait();
}

}  // namespace retort::api
