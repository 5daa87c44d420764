// L01: CPU time of children that nobody waits for: double-forked, of other sessions, reaped by the
// first process; and of a thousand random trees.
#include <fcntl.h>
#include <unistd.h>

#include <random>
#include <utility>
#include <vector>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

using std::chrono::microseconds;
constexpr int kChildren = 8;
constexpr unsigned kTrees = 1000;

// A pipe whose end comes when every process that has the writing end is gone, or has closed it.
struct Gate {
  int read_end = -1;
  int write_end = -1;
  Gate() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    read_end = ends[0];
    write_end = ends[1];
  }
  void leave() { ::close(std::exchange(write_end, -1)); }
  void wait() const {
    char byte = 0;
    while (::read(read_end, &byte, 1) > 0) {
    }
  }
};

void tell_cpu(microseconds since) {
  say("cpu_us", static_cast<std::uint64_t>((cpu_used() - since).count()));
}

// Orphans of sessions of their own, each of which stays below the limit.
void burn_in_orphans(microseconds each) {
  const Gate gate;
  for (int i = 0; i < kChildren; ++i) {
    wait_for(spawn([&] {
      ::setsid();
      spawn([&] {
        burn(each);
        tell_cpu(microseconds(0));
        return 0;
      });
      return 0;
    }));
  }
  ::close(gate.write_end);
  gate.wait();
}

int run_over(unsigned) {
  burn_in_orphans(80ms);
  return 0;
}

int run_within(unsigned) {
  const auto before = cpu_used();
  burn_in_orphans(20ms);
  tell_cpu(before);
  return 0;
}

// What one tree of processes does, all of it from its seed.
class Tree {
 public:
  explicit Tree(unsigned seed) : random_(seed), processes_(pick(1, 12)) {}

  int run() {
    const auto before = cpu_used();
    grow(processes_ - 1);
    work(before);
    finished_.leave();
    finished_.wait();
    return 0;
  }

 private:
  int pick(int least, int most) {
    return least + static_cast<int>(random_() % static_cast<unsigned>(most - least + 1));
  }

  // Gives away `left` processes below this one, in up to three branches.
  void grow(int left) {
    while (left > 0) {
      const int below = pick(1, left);
      const int how = pick(0, 2);
      const auto seed = static_cast<unsigned>(random_());
      spawn([=, this] {
        random_.seed(seed);
        if (how > 0) ::setsid();
        if (how == 2 && spawn([=, this] { return be_branch(below - 1); }) > 0) return 0;
        return be_branch(below - 1);
      });
      left -= below;
    }
  }

  int be_branch(int left) {
    const auto before = cpu_used();
    grow(left);
    work(before);
    return 0;
  }

  // The memory of all is held until the last one has what it wants.
  void work(microseconds before) {
    const auto bytes = static_cast<std::uint64_t>(pick(1, 256)) * 4096;
    if (touch(bytes) != nullptr) say("memory_bytes", bytes);
    burn(microseconds(pick(0, 5000)));
    ready_.leave();
    ready_.wait();
    tell_cpu(before);
  }

  std::minstd_rand random_;
  int processes_;
  Gate ready_;
  Gate finished_;
};

int run_tree(unsigned place) {
  return Tree(place + 1).run();
}

const Enrol kOver{{.id = "L01",
                   .what = "burn CPU time in orphans that nobody waits for",
                   .run = run_over,
                   .statuses = {"cpu_time_limit"},
                   .limits_hit = {"cpu_time"},
                   .limits = {"cpu_time=300ms", "wall_time=10s"}}};
const Enrol kWithin{{.id = "L01b",
                     .what = "the CPU time of orphans, to the microsecond",
                     .run = run_within,
                     .exit_code = 0,
                     .cells = {.count = 5, .order = Cells::Order::in_turn},
                     .accounting = true}};
// The place of a cell is its seed: a tree that went wrong can be grown again.
const Enrol kTreesEnrol{{.id = "L01c",
                         .what = "a thousand random trees of processes",
                         .run = run_tree,
                         .exit_code = 0,
                         .cells = {.count = kTrees, .order = Cells::Order::in_turn},
                         .accounting = true}};

}  // namespace
}  // namespace retort::attacks
