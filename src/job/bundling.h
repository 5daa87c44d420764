// Bundling: the bundles of stages, made aside, so that whoever runs jobs does other things
// meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "job/contents.h"

namespace retort::job {

// Another thread for long copies. One copy at a time: so much is read and written at one time, and
// of each job no more bundles are there than it has tests that run.
class Aside {
 public:
  using Work = std::move_only_function<void()>;

  Aside() = default;
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  virtual ~Aside() = default;
  // Returns at once. Calls `work` on that thread, and then `done` from the loop.
  virtual void run(Work work, Work done) = 0;
};

using TakeBundle = std::move_only_function<void(base::Result<base::Fd>)>;

// make_bundle, aside. `take` is called once: later, from the loop, or by this call itself where
// `aside` is null. Who may be gone by then sees to it in `take`.
void make_bundle_aside(Aside* aside,
                       std::shared_ptr<const Built> built,
                       Contents contents,
                       TakeBundle take);

// One that all tests of a job read, since they differ in their input alone. It is made for the
// first that asks; each gets an open file description of its own.
class SharedBundle {
 public:
  SharedBundle() : state_(std::make_shared<State>()) {}
  // As make_bundle_aside; `built` and `contents` are the same in every call.
  void get(Aside* aside,
           const std::shared_ptr<const Built>& built,
           const Contents& contents,
           TakeBundle take);

 private:
  struct State {
    std::optional<base::Result<base::Fd>> made;
    std::vector<TakeBundle> waiting;
    void answer(TakeBundle take) const;
  };
  std::shared_ptr<State> state_;
};

}  // namespace retort::job
