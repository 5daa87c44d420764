// Callers: who makes a request, what they may do, and how much of it.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/count.h"
#include "api/cpu_quotas.h"
#include "api/key_bounds.h"
#include "api/problem.h"
#include "api/settings.h"
#include "api/storage.h"
#include "async/event.h"
#include "async/task.h"
#include "http/message.h"

namespace retort::api {

struct Caller {
  std::string key_id;  // empty: without a key
  std::string owner;   // of jobs and blobs: the key's id; those without a key share them
  std::string turn;    // whose turn it is in the queue: the key, or the address
  std::uint32_t scopes = 0;
  KeyBounds bounds;
  std::optional<std::uint64_t> most_parallel;  // jobs queued and running
  std::optional<base::Duration> cpu_time;      // an hour, of all its jobs

  [[nodiscard]] bool may(std::uint32_t scope) const { return (scopes & scope) != 0; }
};

class Callers {
 public:
  // Counts as one of the caller's jobs while it exists.
  using JobPass = Count::Share;
  // Counts a body that is being read, among all and among the caller's.
  using BodyPass = std::pair<Count::Share, Count::Share>;

  // Both outlive it.
  Callers(async::Executor executor, Storage& storage, const Settings& settings)
      : executor_(std::move(executor)), storage_(storage), settings_(&settings) {}
  void use(const Settings& settings) { settings_ = &settings; }

  // By the header `Authorization: Bearer …` alone (RFC 6750). unauthorized, rate_limited.
  async::Task<std::expected<Caller, Problem>> identify(const http::RequestHead& head);
  // too_many_jobs.
  std::expected<JobPass, Problem> enter_job(const Caller& caller);
  // For a body of at most so many bytes, where all that are on their way may have `most`.
  // unavailable.
  std::expected<BodyPass, Problem> enter_body(const Caller& caller,
                                              std::uint64_t bytes,
                                              std::uint64_t most);
  // Returns when a job of this caller has ended since it was told too_many_jobs.
  async::Task<> place_freed(const Caller& caller);
  // For a job, or several, whose cells may use so much; see CpuQuotas::admit.
  std::expected<CpuQuotas::Charge, Problem> charge(const Caller& caller, base::Duration ceiling) {
    return quotas_.admit(caller.turn, caller.cpu_time, ceiling);
  }
  // For a job that a server before this one accepted.
  [[nodiscard]] CpuQuotas::Charge charge_again(const Caller& caller, base::Duration ceiling) {
    return quotas_.admit_again(caller.turn, ceiling);
  }
  // A key was revoked or made: what is remembered of keys is asked for again.
  void forget_keys() { keys_.clear(); }

 private:
  // A bucket of requests that fills with time.
  struct Bucket {
    double requests = 0;
    double most = 1;
    double rate = 0;  // a microsecond
    base::Duration filled_at{};

    void fill(base::Duration now);
  };
  // Of one caller.
  struct Jobs {
    explicit Jobs(const async::Executor& executor);
    std::shared_ptr<async::Event> freed;  // set when one has ended since one was refused
    Count count;
    Count bodies;  // bytes

    [[nodiscard]] bool is_idle() const { return count.is_idle() && bodies.is_idle(); }
  };
  struct KnownKey {
    store::Key key;
    KeyBounds bounds;
    base::Duration asked_at{};
  };

  async::Task<std::expected<KnownKey, Problem>> look_up(std::string token);
  Jobs& jobs_of(const Caller& caller);
  std::optional<Problem> is_spent(const std::string& turn);
  std::optional<Problem> take_request(const std::string& turn,
                                      std::optional<std::uint64_t> per_minute,
                                      std::uint64_t burst);

  async::Executor executor_;
  Storage& storage_;
  const Settings* settings_;
  std::map<std::string, KnownKey> keys_;  // by the token's SHA-256
  std::map<std::string, Bucket> buckets_;
  CpuQuotas quotas_;
  std::map<std::string, Jobs> jobs_;
  Count bodies_;  // bytes, of all callers
};

}  // namespace retort::api
