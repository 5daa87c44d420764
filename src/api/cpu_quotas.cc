// CPU quotas: an account has what was used within the last hour, and what is set aside.
#include "api/cpu_quotas.h"

#include <algorithm>
#include <deque>

namespace retort::api {

using base::Duration;

namespace {

constexpr std::size_t kMostRemembered = 10'000;
constexpr Duration kHour = std::chrono::hours(1);
// What was used is remembered together for so long, and forgotten together when all of it is older
// than an hour.
constexpr Duration kSlot = std::chrono::minutes(5);
constexpr std::uint64_t kUnknownWait = 60;  // seconds

// What is set aside where no quota bounds it: so little that many such sums do not overflow.
constexpr Duration kMostUnbounded = std::chrono::hours(48);

}  // namespace

struct CpuQuotas::Account {
  struct Slot {
    Duration since;
    Duration used;
  };

  explicit Account(Clock own_clock) : clock(std::move(own_clock)) {}

  Clock clock;
  std::deque<Slot> slots;  // the oldest first
  Duration used{};         // in all of them
  Duration set_aside{};

  void forget_old() {
    const Duration now = clock();
    while (!slots.empty() && slots.front().since + kSlot + kHour <= now) {
      used -= slots.front().used;
      slots.pop_front();
    }
  }

  void use(Duration cpu_time) {
    forget_old();
    const Duration now = clock();
    if (slots.empty() || now - slots.back().since >= kSlot) slots.push_back({now, {}});
    slots.back().used += cpu_time;
    used += cpu_time;
  }

  // Seconds until no more than `room` is used.
  [[nodiscard]] std::uint64_t wait_for(Duration room) const {
    const Duration now = clock();
    Duration left = used;
    for (const Slot& slot : slots) {
      left -= slot.used;
      if (left > room) continue;
      const Duration wait = slot.since + kSlot + kHour - now;
      return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(wait).count());
    }
    return kUnknownWait;  // what is set aside is in the way
  }
};

CpuQuotas::Charge::Charge(std::shared_ptr<Account> account, Duration ceiling)
    : account_(std::move(account)), left_(ceiling) {
  account_->set_aside += left_;
}

CpuQuotas::Charge::Charge(Charge&& other) noexcept
    : account_(std::move(other.account_)), left_(std::exchange(other.left_, Duration{})) {}

CpuQuotas::Charge::~Charge() {
  if (account_) account_->set_aside -= left_;
}

void CpuQuotas::Charge::use(Duration cpu_time) {
  account_->use(cpu_time);
  const Duration covered = std::min(cpu_time, left_);
  account_->set_aside -= covered;
  left_ -= covered;
}

CpuQuotas::Charge CpuQuotas::Charge::split(Duration ceiling) {
  const Duration part = std::min(ceiling, left_);
  left_ -= part;
  account_->set_aside -= part;
  return {account_, part};
}

std::shared_ptr<CpuQuotas::Account> CpuQuotas::account_of(const std::string& turn) {
  if (accounts_.size() >= kMostRemembered) {
    std::erase_if(accounts_, [](const auto& entry) {
      entry.second->forget_old();
      return entry.second.use_count() == 1 && entry.second->slots.empty();
    });
  }
  auto& account = accounts_[turn];
  if (!account) account = std::make_shared<Account>(clock_);
  account->forget_old();
  return account;
}

CpuQuotas::Charge CpuQuotas::admit_again(const std::string& turn, Duration ceiling) {
  return {account_of(turn), std::min(ceiling, kMostUnbounded)};
}

std::expected<CpuQuotas::Charge, Problem> CpuQuotas::admit(const std::string& turn,
                                                           std::optional<Duration> quota,
                                                           Duration ceiling) {
  if (!quota) return admit_again(turn, ceiling);
  const std::string asked = "this may use " + base::to_text(ceiling) +
                            " of CPU time, cpu_time and extra_time of all stages and tests";
  if (ceiling > *quota) {
    return std::unexpected(
        Problem{.code = ProblemCode::limit_out_of_bounds,
                .detail = asked + ", and your jobs " + base::to_text(*quota) +
                          " an hour: lower these limits, or send fewer tests or jobs",
                .extra = {{"largest_us", quota->count()}}});
  }
  auto account = account_of(turn);
  const Duration taken = account->set_aside + ceiling;
  if (account->used + taken <= *quota) return Charge(std::move(account), ceiling);
  return std::unexpected(
      Problem{.code = ProblemCode::rate_limited,
              .detail = asked + ": too little is left of the " + base::to_text(*quota) +
                        " an hour that your jobs may use",
              .retry_after_s = account->wait_for(*quota - std::min(taken, *quota))});
}

}  // namespace retort::api
