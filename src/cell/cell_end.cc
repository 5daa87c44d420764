// Cell end: from the last dead process on. Figures, what it left, gone.
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/clock.h"
#include "base/weaken.h"
#include "cell/cell.h"
#include "cell/execute_init.h"
#include "kernel/credentials.h"

namespace retort::cell {

using base::Fd;
using base::monotonic_now;
using base::Result;
using base::Status;

namespace {

constexpr base::Duration kReaderTime{
    60'000'000};  // a client that takes nothing must not hold the cell

}  // namespace

void Cell::read_figures() {
  if (!running_) {
    // Files that do not fit into the memory are no failure of ours.
    if (const auto usage =
            group_ ? group_->usage() : Result<kernel::GroupUsage>(kernel::GroupUsage{})) {
      facts_.memory_kills = usage->memory_kills;
    }
    return;
  }
  if (!group_) {
    facts_.cpu_user_us = last_word_.cpu_user_us;
    facts_.cpu_us = last_word_.cpu_user_us + last_word_.cpu_system_us;
    facts_.memory_peak_bytes = last_word_.memory_peak_bytes;
    facts_.has_memory_peak = last_word_.word == Word::ended;
    return;
  }
  const auto usage = group_->usage();
  if (!usage) {
    facts_.end = End::setup_failed;
    facts_.step = Step::group;
    facts_.error_number = usage.error().os_errno;
    return;
  }
  facts_.cpu_us = (usage->cpu_ns - cpu_before_ns_) / 1000;
  facts_.cpu_user_us = std::min(facts_.cpu_us, (usage->cpu_user_ns - cpu_user_before_ns_) / 1000);
  if (usage->memory_peak) {
    facts_.has_memory_peak = true;
    facts_.memory_peak_bytes = usage->memory_peak->bytes();
  }
  if (usage->processes_peak) {
    facts_.has_processes_peak = true;
    facts_.processes_peak =
        std::max(*usage->processes_peak, 2U) - 1;  // retort-init is not the program's
  }
  facts_.memory_kills = usage->memory_kills;
  facts_.processes_denied = usage->processes_denied;
  // The kernel ended the whole group, or retort-init itself: that is no loss of ours.
  if (facts_.cause == Cause::lost && facts_.memory_kills > 0) facts_.cause = Cause::memory;
}

void Cell::look_at_disk() {
  if (!scratch_.is_open()) return;
  struct statvfs state{};
  if (::fstatvfs(scratch_.get(), &state) != 0) return;
  facts_.disk_full = state.f_bavail == 0;
  facts_.inodes_full = state.f_favail == 0;
  written_bytes_ = (state.f_blocks - state.f_bfree) * state.f_frsize;
}

// Only a cell that holds that much can hold a file that large (holes aside): the rare case pays for
// the look.
void Cell::inspect() {
  inspected_at_ = monotonic_now();
  const std::uint64_t largest = request_.limits.file_size.bytes();
  if (may_collect_ && largest > 0 && written_bytes_ >= largest) {
    const std::string size = std::to_string(largest);
    if (spawn_reader({"retort-init", "measure", size}, &Cell::on_measured)) return;
  }
  collect();
}

void Cell::on_measured(const siginfo_t& ended) {
  facts_.file_size_reached = ended.si_code == CLD_EXITED && ended.si_status == kFoundLarge;
  collect();
}

void Cell::collect() {
  if (!may_collect_ || !request_.collect) return finish();
  const bool begun = spawn_reader({"retort-init",
                                   "collect",
                                   std::to_string(request_.collect_bytes),
                                   std::to_string(request_.collect_entries)},
                                  &Cell::on_collected)
                         .has_value();
  collect_end_.reset();
  if (begun) return;
  facts_.collection_lost = true;
  finish();
}

void Cell::on_collected(const siginfo_t& ended) {
  facts_.collection_lost = ended.si_code != CLD_EXITED || ended.si_status != 0;
  facts_.collect_us = static_cast<std::uint64_t>((monotonic_now() - inspected_at_).count());
  finish();
}

// A process without privilege, under the dead program's id, that holds one folder, one bundle and
// one pipe.
Status Cell::spawn_reader(std::vector<std::string> words, void (Cell::*gone)(const siginfo_t&)) {
  // Namespaces of its own as well: it has no use for networks or other processes.
  RETORT_TRY(reader_, kernel::fork_child(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID));
  if (reader_.pid == 0) become_reader(words);
  RETORT_CHECK(host_.loop.watch(reader_.pidfd.get(), EPOLLIN, [this, gone](auto) {
    host_.loop.forget(reader_.pidfd.get());
    host_.loop.forget(reader_timer_.descriptor());
    const auto ended = kernel::reap(reader_.pidfd);
    reader_.pidfd.reset();
    (this->*gone)(ended.value_or(siginfo_t{}));
  }));
  RETORT_CHECK(host_.loop.watch(reader_timer_.descriptor(), EPOLLIN, [this](auto) {
    reader_timer_.acknowledge();
    (void)kernel::send_signal(reader_.pidfd, SIGKILL);
  }));
  return reader_timer_.arm(kReaderTime);
}

void Cell::become_reader(std::vector<std::string>& words) const {
  const auto must = [](const Status& status) {
    if (!status) ::_exit(1);
  };
  if (!ids_.single && !base::weakened("collector:id"))
    must(kernel::become(ids_.first + 1, ids_.first + 1));
  must(kernel::die_with_parent());
  must(kernel::drop_all_capabilities());
  must(kernel::forbid_new_privileges());
  kernel::reset_signals();
  const std::array sources = {request_.collect ? collect_end_.get() : scratch_.get(),
                              scratch_.get(),
                              bundle_.get(),
                              host_.init.get()};
  std::array<int, 4> high{};
  for (std::size_t i = 0; i < sources.size(); ++i) {
    high.at(i) = ::fcntl(sources.at(i), F_DUPFD_CLOEXEC, 10);
    if (high.at(i) < 0) ::_exit(1);
  }
  if (::dup2(high.at(0), 1) < 0 || ::dup2(high.at(1), kCollectFolder) < 0 ||
      ::dup2(high.at(2), kCollectBundle) < 0) {
    ::_exit(1);
  }
  // Whatever the keeper's own are, a reader has no use for them.
  ::close(0);
  ::close(2);
  execute_init(high.at(3), std::move(words));
  ::_exit(1);
}

void Cell::finish() {
  host_.loop.forget(wall_timer_.descriptor());
  host_.loop.forget(cpu_timer_.descriptor());
  if (group_) host_.loop.forget(group_->memory_event());
  for (Fd& end : program_ends_) end.reset();
  collect_end_.reset();
  scratch_.reset();
  bundle_.reset();
  // The call may destroy this object, so nothing of it may be in the call.
  const Finished finished = std::move(finished_);
  const Facts facts = facts_;
  finished(facts);
}

}  // namespace retort::cell
