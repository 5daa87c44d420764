// Scheduler: a list in the order of arrival, from which the next is chosen by whose turn it is.
#include "job/scheduler.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace retort::job {

using base::ByteSize;
using base::Duration;
using base::Error;
using base::Fault;
using base::Result;

namespace {

// How often one that does not fit into the memory may be passed over, before the seats are kept
// free for it.
constexpr unsigned kMostOvertaken = 16;
// How much the latest seat counts in the average of how long seats are held: one part in eight.
constexpr int kAveraged = 8;

}  // namespace

struct Scheduler::Shared {
  struct Waiting {
    std::uint64_t number = 0;
    Demand demand;
    OnSeat on_seat;
    OnMoved on_moved;
    unsigned overtaken = 0;
    std::size_t told_ahead = 0;
  };
  using Queue = std::deque<Waiting>;  // one owner's, by priority and then by arrival

  struct Owner {
    Queue queue;
    std::uint64_t waiting_bytes = 0;
    unsigned seats = 0;
    std::uint64_t served_at = 0;  // when it was last given a seat, in seats given
  };

  Capacity capacity;
  std::map<std::string, Owner> owners;  // those who wait or have seats
  std::uint64_t last_number = 0;
  std::uint64_t seats_given = 0;
  std::size_t waiting = 0;
  std::uint64_t waiting_bytes = 0;
  unsigned seats = 0;
  std::uint64_t memory = 0;
  Duration held{};            // an average
  std::size_t watched = 0;    // of those who wait: who wants to know its place
  std::uint64_t joining = 0;  // the one whose seat is returned and not called back
  std::optional<Seat> joined;
  bool dispatching = false;
  bool closed = false;

  [[nodiscard]] bool fits(const Demand& demand) const {
    return seats < capacity.seats && memory + demand.memory.bytes() <= capacity.memory.bytes();
  }

  [[nodiscard]] static bool may_have_more(const Owner& owner, const Demand& demand) {
    return demand.most_at_once == 0 || owner.seats < demand.most_at_once;
  }

  void take(const Demand& demand) {
    Owner& owner = owners[demand.owner];
    ++owner.seats;
    owner.served_at = ++seats_given;
    ++seats;
    memory += demand.memory.bytes();
  }

  void give_back(const std::string& name, ByteSize bytes, Duration taken_for) {
    const auto found = owners.find(name);
    --found->second.seats;
    --seats;
    memory -= bytes.bytes();
    held = held == Duration{} ? taken_for : (held * (kAveraged - 1) + taken_for) / kAveraged;
    forget_if_idle(found);
  }

  void forget_if_idle(std::map<std::string, Owner>::iterator owner) {
    if (owner->second.seats == 0 && owner->second.queue.empty()) owners.erase(owner);
  }

  // Those who wait, the owner first whose turn it is: who has the fewest seats, then who was served
  // longest ago.
  std::vector<std::map<std::string, Owner>::iterator> turns() {
    std::vector<std::map<std::string, Owner>::iterator> result;
    for (auto owner = owners.begin(); owner != owners.end(); ++owner) {
      if (!owner->second.queue.empty()) result.push_back(owner);
    }
    std::ranges::sort(result, [](const auto& left, const auto& right) {
      return std::pair(left->second.seats, left->second.served_at) <
             std::pair(right->second.seats, right->second.served_at);
    });
    return result;
  }

  // The next whose turn it is and who fits; nothing when there is none, or when the seats are kept
  // for one who was passed over too often.
  std::optional<std::map<std::string, Owner>::iterator> choose() {
    if (closed || seats >= capacity.seats) return std::nullopt;
    const auto order = turns();
    for (const auto& owner : order) {
      const Waiting& first = owner->second.queue.front();
      if (!may_have_more(owner->second, first.demand)) continue;
      if (fits(first.demand)) {
        for (const auto& passed : order) {
          if (passed == owner) break;
          Waiting& next = passed->second.queue.front();
          if (may_have_more(passed->second, next.demand)) ++next.overtaken;
        }
        return owner;
      }
      if (first.overtaken >= kMostOvertaken) return std::nullopt;
    }
    return std::nullopt;
  }

  Waiting take_out(std::map<std::string, Owner>::iterator owner, const Queue::iterator& place) {
    Waiting taken = std::move(*place);
    owner->second.queue.erase(place);
    --waiting;
    waiting_bytes -= taken.demand.bytes;
    owner->second.waiting_bytes -= taken.demand.bytes;
    if (taken.on_moved) --watched;
    return taken;
  }

  // Jobs that would be seated before those of one owner, each told when it has changed. The order
  // in which owners will be served is only known for now, so it is a number to show to people.
  void tell_places() {
    if (watched == 0) return;
    std::vector<std::pair<OnMoved, std::size_t>> news;
    const auto order = turns();
    for (std::size_t turn = 0; turn < order.size(); ++turn) {
      Queue& queue = order[turn]->second.queue;
      for (std::size_t place = 0; place < queue.size(); ++place) {
        if (!queue[place].on_moved) continue;
        std::size_t ahead = place;
        for (std::size_t other = 0; other < order.size(); ++other) {
          if (other == turn) continue;
          const std::size_t rounds = place + (other < turn ? 1 : 0);
          ahead += std::min(order[other]->second.queue.size(), rounds);
        }
        if (std::exchange(queue[place].told_ahead, ahead) != ahead)
          news.emplace_back(queue[place].on_moved, ahead);
      }
    }
    for (const auto& [on_moved, ahead] : news) on_moved(ahead);
  }
};

Scheduler::Scheduler(const Capacity& capacity) : shared_(std::make_shared<Shared>()) {
  shared_->capacity = capacity;
}

Scheduler::~Scheduler() {
  shared_->closed = true;
}

Scheduler::Seat::Seat(std::shared_ptr<Shared> shared, std::string owner, ByteSize memory)
    : shared_(std::move(shared)),
      owner_(std::move(owner)),
      memory_(memory),
      since_(base::monotonic_now()) {}

Scheduler::Seat& Scheduler::Seat::operator=(Seat&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  shared_ = std::move(other.shared_);
  owner_ = std::move(other.owner_);
  memory_ = other.memory_;
  since_ = other.since_;
  return *this;
}

void Scheduler::Seat::give_back() {
  if (!shared_) return;
  const auto shared = std::exchange(shared_, nullptr);
  shared->give_back(owner_, memory_, base::monotonic_now() - since_);
  Scheduler::dispatch(shared);
}

Scheduler::Place& Scheduler::Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  leave();
  shared_ = std::move(other.shared_);
  number_ = other.number_;
  return *this;
}

void Scheduler::Place::leave() {
  if (!shared_) return;
  const auto shared = std::exchange(shared_, nullptr);
  for (auto owner = shared->owners.begin(); owner != shared->owners.end(); ++owner) {
    auto& queue = owner->second.queue;
    const auto found = std::ranges::find(queue, number_, &Shared::Waiting::number);
    if (found == queue.end()) continue;
    (void)shared->take_out(owner, found);
    shared->forget_if_idle(owner);
    // What stood in its way may have been this one.
    return Scheduler::dispatch(shared);
  }
}

// A callback may give a seat back or join: that is seen when the loop goes round.
void Scheduler::dispatch(const std::shared_ptr<Shared>& shared) {
  if (std::exchange(shared->dispatching, true)) return;
  while (const auto owner = shared->choose()) {
    const Shared::Waiting next = shared->take_out(*owner, (*owner)->second.queue.begin());
    shared->take(next.demand);
    Seat seat(shared, next.demand.owner, next.demand.memory);
    if (next.number == shared->joining) {
      shared->joined = std::move(seat);
    } else {
      next.on_seat(std::move(seat));
    }
  }
  shared->dispatching = false;
  if (!shared->closed) shared->tell_places();
}

Result<Scheduler::Admission> Scheduler::join(Demand demand, OnSeat on_seat, OnMoved on_moved) {
  Shared& shared = *shared_;
  if (demand.memory > shared.capacity.memory) {
    return Error{Fault::invalid,
                 "the job may use " + base::to_text(demand.memory) +
                     " of memory at one time; this server has " +
                     base::to_text(shared.capacity.memory) + " for all jobs",
                 0};
  }
  Admission admission;
  // One who need not wait is not kept out by a queue that others fill.
  const bool is_free = shared.waiting == 0 && shared.fits(demand);
  if (!is_free && shared.waiting >= shared.capacity.queue_length)
    return Error{Fault::exhausted, std::to_string(shared.waiting) + " jobs are waiting", 0};
  if (!is_free && shared.waiting_bytes + demand.bytes > shared.capacity.queue_bytes.bytes()) {
    return Error{Fault::exhausted,
                 "the jobs that wait hold " +
                     base::to_text(ByteSize::of_bytes(shared.waiting_bytes)) + " already",
                 0};
  }
  // A quarter of the queue is for others than whoever has filled the rest.
  const auto own = shared.owners.find(demand.owner);
  const std::size_t own_places = own == shared.owners.end() ? 0 : own->second.queue.size();
  const std::size_t length = shared.capacity.queue_length;
  if (!is_free && own_places >= length - length / 4)
    return Error{Fault::exhausted, "you have " + std::to_string(own_places) + " jobs waiting", 0};
  const std::uint64_t own_bytes = own_places == 0 ? 0 : own->second.waiting_bytes;
  const std::uint64_t bytes = shared.capacity.queue_bytes.bytes();
  if (!is_free && own_bytes > 0 && own_bytes + demand.bytes > bytes - bytes / 4) {
    return Error{
        Fault::exhausted,
        "your jobs that wait hold " + base::to_text(ByteSize::of_bytes(own_bytes)) + " already",
        0};
  }
  const std::uint64_t number = ++shared.last_number;
  ++shared.waiting;
  if (on_moved) ++shared.watched;
  shared.waiting_bytes += demand.bytes;
  Shared::Owner& owner = shared.owners[demand.owner];
  owner.waiting_bytes += demand.bytes;
  auto& queue = owner.queue;
  const auto after = std::ranges::upper_bound(
      queue, demand.priority, std::greater<>(), [](const Shared::Waiting& waiting) {
        return waiting.demand.priority;
      });
  queue.insert(after,
               {.number = number,
                .demand = std::move(demand),
                .on_seat = std::move(on_seat),
                .on_moved = std::move(on_moved),
                .told_ahead = static_cast<std::size_t>(-1)});
  shared.joining = number;
  dispatch(shared_);
  shared.joining = 0;
  admission.seat = std::exchange(shared.joined, std::nullopt);
  if (!admission.seat) {
    admission.place.shared_ = shared_;
    admission.place.number_ = number;
  }
  return admission;
}

std::optional<Scheduler::Seat> Scheduler::take_spare(const Demand& demand) {
  Shared& shared = *shared_;
  if (shared.waiting > 0 || !shared.fits(demand)) return std::nullopt;
  const auto own = shared.owners.find(demand.owner);
  if (own != shared.owners.end() && !Shared::may_have_more(own->second, demand))
    return std::nullopt;
  shared.take(demand);
  return Seat(shared_, demand.owner, demand.memory);
}

void Scheduler::resize(const Capacity& capacity) {
  shared_->capacity = capacity;
  dispatch(shared_);
}

Scheduler::Figures Scheduler::figures() const {
  const Shared& shared = *shared_;
  Figures figures{.waiting = shared.waiting,
                  .waiting_bytes = shared.waiting_bytes,
                  .seats_taken = shared.seats,
                  .memory_taken = ByteSize::of_bytes(shared.memory)};
  if (shared.seats >= shared.capacity.seats || shared.waiting > 0) {
    figures.forecast = shared.held * (static_cast<std::int64_t>(shared.waiting) + 1) /
                       static_cast<std::int64_t>(std::max(1U, shared.capacity.seats));
  }
  return figures;
}

const Capacity& Scheduler::capacity() const {
  return shared_->capacity;
}

}  // namespace retort::job
