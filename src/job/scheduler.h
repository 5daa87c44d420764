// Scheduler: who runs next. A bounded queue, fair between owners, that admits by seats and memory.
//
// A seat is the right to have one cell of a job at work (two, for a program and its interactor,
// that take turns). One thread; callbacks come from whoever gives a seat back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/units.h"

namespace retort::job {

struct Capacity {
  unsigned seats = 1;
  base::ByteSize memory = {};  // that the limits of all running cells may sum up to
  std::size_t queue_length = 1000;
  base::ByteSize queue_bytes = base::ByteSize::of_bytes(256U << 20U);
};

// What one job asks for.
struct Demand {
  std::string owner = {};      // whose turn it is: an API key, or empty
  int priority = 0;            // within the owner's own; larger goes first
  base::ByteSize memory = {};  // the sum of the limits of what runs at one time
  std::uint64_t bytes = 0;     // what the waiting job holds of our memory
  unsigned most_at_once = 0;   // seats that the owner may have; 0: as many as there are
};

class Scheduler {
  struct Shared;

 public:
  // Given back when it is destroyed.
  class Seat {
   public:
    Seat(Seat&& other) noexcept = default;
    Seat& operator=(Seat&& other) noexcept;
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat() { give_back(); }

   private:
    friend class Scheduler;
    Seat(std::shared_ptr<Shared> shared, std::string owner, base::ByteSize memory);
    void give_back();

    std::shared_ptr<Shared> shared_;
    std::string owner_;
    base::ByteSize memory_;
    base::Duration since_{};
  };

  using OnSeat = std::function<void(Seat)>;
  // Jobs that go before this one, when that number has changed; as far as it can be known, since
  // who comes may have a right to go first. Must not join, leave or give back by itself.
  using OnMoved = std::function<void(std::size_t ahead)>;

  // A place in the queue, left when it is destroyed.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&& other) noexcept;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { leave(); }
    void leave();

   private:
    friend class Scheduler;
    std::shared_ptr<Shared> shared_;
    std::uint64_t number_ = 0;
  };

  // Either the seat at once, or a place in the queue.
  struct Admission {
    std::optional<Seat> seat;
    Place place;
  };

  explicit Scheduler(const Capacity& capacity);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  ~Scheduler();

  // `on_seat` is called once, later, unless the seat is returned here or the place is left before.
  // Fault::invalid: more memory than there is at all. Fault::exhausted: the queue is full.
  base::Result<Admission> join(Demand demand, OnSeat on_seat, OnMoved on_moved = nullptr);

  // One more seat for a job that has one already, only where nobody waits for it.
  std::optional<Seat> take_spare(const Demand& demand);

  // Changes what may be had from here on; those who have more keep it until they end.
  void resize(const Capacity& capacity);

  struct Figures {
    std::size_t waiting = 0;
    std::uint64_t waiting_bytes = 0;
    unsigned seats_taken = 0;
    base::ByteSize memory_taken;
    // How long one who joins now would wait, by how long seats were held lately.
    base::Duration forecast{};
  };
  [[nodiscard]] Figures figures() const;
  [[nodiscard]] const Capacity& capacity() const;

 private:
  static void dispatch(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;
};

}  // namespace retort::job
