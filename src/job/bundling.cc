// Bundling: what is made there is handed over in a box that both threads hold.
#include "job/bundling.h"

#include <utility>

#include "kernel/files.h"

namespace retort::job {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;

void make_bundle_aside(Aside* aside,
                       std::shared_ptr<const Built> built,
                       Contents contents,
                       TakeBundle take) {
  if (aside == nullptr) return take(make_bundle(*built, contents));
  // Unless the work replaces it: nothing but want of memory ends that before.
  auto made = std::make_shared<Result<Fd>>(Error{Fault::exhausted, "no memory for a bundle", 0});
  aside->run(
      [made, built = std::move(built), contents = std::move(contents)] {
        *made = make_bundle(*built, contents);
      },
      [made, take = std::move(take)]() mutable { take(std::move(*made)); });
}

void SharedBundle::State::answer(TakeBundle take) const {
  if (!*made) return take(made->error());
  take(kernel::reopen_for_reading(**made));
}

void SharedBundle::get(Aside* aside,
                       const std::shared_ptr<const Built>& built,
                       const Contents& contents,
                       TakeBundle take) {
  if (state_->made) return state_->answer(std::move(take));
  state_->waiting.push_back(std::move(take));
  if (state_->waiting.size() > 1) return;
  make_bundle_aside(aside, built, contents, [state = state_](Result<Fd> bundle) {
    state->made.emplace(std::move(bundle));
    for (TakeBundle& waiting : std::exchange(state->waiting, {})) state->answer(std::move(waiting));
  });
}

}  // namespace retort::job
