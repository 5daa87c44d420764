// Quarantine: one timer, set for whichever group is asked next.
#include "keeper/quarantine.h"

#include <algorithm>

#include "base/clock.h"

namespace retort::keeper {

using base::Duration;
using base::monotonic_now;
using base::Result;

namespace {

constexpr Duration kShortestWait{1'000};
constexpr Duration kLongestWait{1'000'000};

}  // namespace

Result<std::unique_ptr<Quarantine>> Quarantine::create(kernel::EventLoop& loop) {
  RETORT_TRY(auto timer, kernel::Timer::create());
  std::unique_ptr<Quarantine> made(new Quarantine(loop, std::move(timer)));
  RETORT_CHECK(loop.watch(
      made->timer_.descriptor(), EPOLLIN, [self = made.get()](auto) { self->on_timer(); }));
  return made;
}

Quarantine::~Quarantine() {
  loop_.forget(timer_.descriptor());
}

void Quarantine::hold(std::unique_ptr<kernel::Group> group, std::function<void()> gone) {
  held_.push_back({.group = std::move(group),
                   .gone = std::move(gone),
                   .wait = kShortestWait,
                   .due = monotonic_now() + kShortestWait});
  arm();
}

void Quarantine::on_timer() {
  timer_.acknowledge();
  const Duration now = monotonic_now();
  std::vector<std::function<void()>> freed;
  std::erase_if(held_, [&](Held& held) {
    if (held.due > now) return false;
    if (held.group->remove()) {
      freed.push_back(std::move(held.gone));
      return true;
    }
    held.wait = std::min(held.wait * 2, kLongestWait);
    held.due = monotonic_now() + held.wait;
    return false;
  });
  if (!held_.empty()) arm();
  for (const auto& gone : freed) gone();
}

void Quarantine::arm() {
  const auto next = std::ranges::min_element(held_, {}, &Held::due);
  (void)timer_.arm(next->due - monotonic_now());
}

}  // namespace retort::keeper
