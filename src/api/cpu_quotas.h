// CPU quotas: how much CPU time each caller's jobs have used lately, and may still use.
//
// A job is charged when it is admitted, with all that its cells could use; when it has ended, with
// what they did use. So the jobs that a caller has at one time cannot use more than the quota, as
// they might if each were looked at when it ends.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/problem.h"
#include "base/clock.h"
#include "base/units.h"

namespace retort::api {

// One thread.
class CpuQuotas {
  struct Account;

 public:
  using Clock = std::function<base::Duration()>;
  explicit CpuQuotas(Clock clock = base::monotonic_now) : clock_(std::move(clock)) {}

  // What one job, or a batch of them, may use of its caller's quota. Where it goes, what was not
  // used is free again. It may outlive the quotas.
  class Charge {
   public:
    Charge(Charge&& other) noexcept;
    Charge& operator=(Charge&&) = delete;
    Charge(const Charge&) = delete;
    Charge& operator=(const Charge&) = delete;
    ~Charge();

    // A cell has used this, for good.
    void use(base::Duration cpu_time);
    // Nobody knows what its cells have used: it counts as all that they could.
    void use_all() { use(left_); }
    // A part of it, for one job of several.
    [[nodiscard]] Charge split(base::Duration ceiling);

   private:
    friend class CpuQuotas;
    Charge(std::shared_ptr<Account> account, base::Duration ceiling);
    std::shared_ptr<Account> account_;
    base::Duration left_{};
  };

  // `turn` says whose quota it is. `quota`: CPU time within any hour; nothing: no bound, and it is
  // charged all the same. limit_out_of_bounds: more than there ever is; rate_limited: for now.
  std::expected<Charge, Problem> admit(const std::string& turn,
                                       std::optional<base::Duration> quota,
                                       base::Duration ceiling);
  // For a job that was admitted by a server that is no more.
  [[nodiscard]] Charge admit_again(const std::string& turn, base::Duration ceiling);

 private:
  std::shared_ptr<Account> account_of(const std::string& turn);

  Clock clock_;
  std::map<std::string, std::shared_ptr<Account>> accounts_;
};

}  // namespace retort::api
