// Cell: an event-driven life. Request, init, ready, start, end, every process dead. What comes then
// is in cell_end.cc.
#include "cell/cell.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "base/clock.h"
#include "base/weaken.h"
#include "cell/devices.h"
#include "cell/execute_init.h"
#include "cell/filter.h"
#include "cell/signals.h"
#include "kernel/credentials.h"
#include "kernel/namespaces.h"
#include "kernel/socket.h"

namespace retort::cell {

using base::Duration;
using base::Fd;
using base::monotonic_now;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr Duration kShortestCpuCheck{1'000};
constexpr Duration kSetupTime{30'000'000};  // a cell that is not ready by then never will be
constexpr std::uint64_t kNamespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

std::uint64_t namespaces() {
  std::uint64_t all = kNamespaces;
  if (base::weakened("namespace:net")) all &= ~std::uint64_t{CLONE_NEWNET};
  if (base::weakened("namespace:ipc")) all &= ~std::uint64_t{CLONE_NEWIPC};
  if (base::weakened("namespace:uts")) all &= ~std::uint64_t{CLONE_NEWUTS};
  return all;
}

// Of retort-init, inside. The program's own where there is one id for both.
unsigned first_id_inside(const Ids& ids) {
  return ids.single || base::weakened("init:id") ? kProgramId : kInitId;
}

// Test-only: four times as much of the limit that is to be weakened.
Limits weaken(Limits limits) {
  constexpr unsigned kTimes = 4;
  const auto more = [](ByteSize size) { return ByteSize::of_bytes(size.bytes() * kTimes); };
  if (base::weakened("limit:cpu_time")) limits.cpu_time *= kTimes;
  if (base::weakened("limit:wall_time")) limits.wall_time *= kTimes;
  if (base::weakened("limit:memory")) limits.memory = more(limits.memory);
  if (base::weakened("limit:processes")) limits.processes *= kTimes;
  if (base::weakened("limit:disk")) limits.disk = more(limits.disk);
  if (base::weakened("limit:disk_inodes")) limits.disk_inodes *= kTimes;
  return limits;
}

}  // namespace

Cell::Cell(const Host& host,
           std::string name,
           Ids ids,
           const Request& request,
           Fd bundle,
           Finished finished)
    : host_(host),
      name_(std::move(name)),
      ids_(ids),
      request_(request),
      bundle_(std::move(bundle)),
      finished_(std::move(finished)),
      requested_at_(monotonic_now()) {
  facts_.unenforced = request.unenforced;
  if (base::kWeakenedBuild) request_.limits = weaken(request.limits);
}

Result<std::unique_ptr<Cell>> Cell::start(const Host& host,
                                          std::string name,
                                          Ids ids,
                                          const Request& request,
                                          Fd bundle,
                                          Finished finished) {
  std::unique_ptr<Cell> cell(
      new Cell(host, std::move(name), ids, request, std::move(bundle), std::move(finished)));
  if (auto begun = cell->begin(); !begun) {
    return begun.error().within(std::string("could not ") + step_text(cell->facts_.step));
  }
  return cell;
}

Cell::~Cell() {
  // Only when the cell could not be made or the keeper ends: after `finished` these are closed.
  for (const int descriptor : {wall_timer_.descriptor(),
                               cpu_timer_.descriptor(),
                               reader_timer_.descriptor(),
                               socket_.get(),
                               init_.pidfd.get(),
                               reader_.pidfd.get(),
                               group_ ? group_->memory_event() : -1}) {
    host_.loop.forget(descriptor);
  }
  for (const kernel::Child* child : {&init_, &reader_}) {
    if (!child->pidfd.is_open()) continue;
    (void)kernel::send_signal(child->pidfd, SIGKILL);
    (void)kernel::reap(child->pidfd);
  }
  host_.give_back(ids_, std::move(group_));
}

Status Cell::begin() {
  // Whatever fails, the step is known: the last one that was begun.
  facts_.step = Step::streams;
  for (kernel::Timer* timer : {&wall_timer_, &cpu_timer_, &reader_timer_}) {
    RETORT_TRY(*timer, kernel::Timer::create());
  }
  RETORT_CHECK(
      host_.loop.watch(wall_timer_.descriptor(), EPOLLIN, [this](auto) { on_wall_timer(); }));
  RETORT_CHECK(
      host_.loop.watch(cpu_timer_.descriptor(), EPOLLIN, [this](auto) { on_cpu_timer(); }));
  RETORT_CHECK(make_streams());
  if (host_.groups != nullptr) {
    facts_.step = Step::group;
    const kernel::GroupLimits limits{.memory = request_.limits.memory,
                                     .processes = request_.limits.processes + 1};  // retort-init
    RETORT_TRY(group_, host_.groups->make(name_, limits));
    if (group_->memory_event() >= 0 && !base::weakened("kill:out-of-memory")) {
      RETORT_CHECK(
          host_.loop.watch(group_->memory_event(), EPOLLIN, [this](auto) { kill(Cause::memory); }));
    }
  }
  RETORT_CHECK(wall_timer_.arm(kSetupTime));
  return spawn_init();
}

Status Cell::make_streams() {
  RETORT_CHECK(request_.terminal ? make_terminal() : make_pipes());
  if (request_.collect) {
    RETORT_TRY(auto pipe, kernel::make_pipe());
    streams_.collected_read = std::move(pipe.read_end);
    collect_end_ = std::move(pipe.write_end);
  }
  return {};
}

Status Cell::make_terminal() {
  facts_.step = Step::terminal;
  const auto owner = ids_.single ? std::nullopt : std::optional(ids_.first + 1);
  RETORT_TRY(auto terminal, kernel::make_terminal(owner));
  RETORT_CHECK(kernel::set_terminal_size(terminal.master, *request_.terminal));
  streams_.terminal = std::move(terminal.master);
  terminals_ = std::move(terminal.folder);
  for (Fd& end : program_ends_) {
    end = Fd(::fcntl(terminal.program.get(), F_DUPFD_CLOEXEC, 0));
    if (!end.is_open()) return os_error("fcntl", "the terminal");
  }
  return {};
}

Status Cell::make_pipes() {
  std::array<Fd*, 3> ours = {&streams_.stdin_write, &streams_.stdout_read, &streams_.stderr_read};
  for (std::size_t i = 0; i < ours.size(); ++i) {
    RETORT_TRY(auto pipe, kernel::make_pipe());
    *ours.at(i) = std::move(i == 0 ? pipe.write_end : pipe.read_end);
    program_ends_.at(i) = std::move(i == 0 ? pipe.read_end : pipe.write_end);
    // So that the program may open /dev/stdin and its like, as any user does.
    if (!ids_.single && ::fchown(program_ends_.at(i).get(), ids_.first + 1, ids_.first + 1) != 0) {
      return os_error("fchown", "a stream");
    }
  }
  return {};
}

Status Cell::spawn_init() {
  facts_.step = Step::clone;
  RETORT_TRY(auto sockets, kernel::make_socket_pair());
  RETORT_TRY(auto mapped, kernel::make_pipe());
  RETORT_TRY(init_, kernel::fork_child(namespaces(), group_ ? group_->birth_directory() : -1));
  if (init_.pid == 0) become_init(sockets, mapped);

  socket_ = std::move(sockets.ours);
  sockets.theirs.reset();
  for (Fd& end : program_ends_) end.reset();
  RETORT_CHECK(host_.loop.watch(init_.pidfd.get(), EPOLLIN, [this](auto) { on_init_gone(); }));
  RETORT_CHECK(host_.loop.watch(socket_.get(), EPOLLIN, [this](auto) { on_word(); }));
  facts_.step = Step::id_map;
  RETORT_CHECK(map_ids(init_.pid));
  facts_.step = Step::start_init;
  if (::write(mapped.write_end.get(), "m", 1) != 1)
    return os_error("write", "to the cell's first process");

  const Limits& limits = request_.limits;
  const auto cpu_limit = limits.cpu_time + limits.extra_time;
  const InitSpec spec{
      .disk_bytes = limits.disk.bytes(),
      .disk_inodes = limits.disk_inodes,
      .stack_bytes = limits.effective_stack().bytes(),
      .file_size_bytes = limits.file_size.bytes(),
      // Whole seconds of one process: above what the control group's figure allows to the whole
      // tree.
      .cpu_seconds =
          static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(cpu_limit).count()) +
          1,
      .open_files = limits.open_files,
      .processes = ids_.single ? 0 : limits.processes + 8,
      .add_ons = request_.add_ons | (request_.terminal ? kTerminal : kNoAddOn),
      .first_id = first_id_inside(ids_),
      .program_id = kProgramId,
      .network = limits.network,
      .own_devices = host_.makes_devices ? std::uint8_t{1} : std::uint8_t{0},
      .terminal = request_.terminal ? std::uint8_t{1} : std::uint8_t{0},
  };
  std::vector<int> descriptors = {bundle_.get()};
  Fd devices;
  if (spec.has_devices()) {
    facts_.step = Step::devices;
    const Nodes nodes = host_.makes_devices ? Nodes::own : Nodes::empty;
    RETORT_TRY(devices, make_devices(nodes, request_.terminal.has_value()));
    descriptors.push_back(devices.get());
  }
  if (terminals_.is_open()) descriptors.push_back(terminals_.get());
  facts_.step = Step::receive_spec;
  const auto sent = kernel::send_message(socket_, kernel::frame_bytes(spec), descriptors);
  terminals_.reset();
  return sent;
}

Status Cell::map_ids(pid_t child) const {
  if (ids_.single) {
    const std::array user = {
        kernel::IdRange{.inside = kProgramId, .outside = ::geteuid(), .count = 1}};
    const std::array group = {
        kernel::IdRange{.inside = kProgramId, .outside = ::getegid(), .count = 1}};
    return kernel::map_ids(child, user, group);
  }
  const std::array ids = {
      kernel::IdRange{.inside = kInitId, .outside = ids_.first, .count = 1},
      kernel::IdRange{.inside = kProgramId, .outside = ids_.first + 1, .count = 1},
      kernel::IdRange{.inside = kNobodyId, .outside = ids_.first + 2, .count = 1}};
  return kernel::map_ids(child, ids, ids);
}

// In the new process, in all its namespaces, before it is retort-init. A copy of the keeper: it
// does nothing but this.
void Cell::become_init(kernel::SocketPair& sockets, kernel::Pipe& mapped) const {
  const auto die = [&](Step step, int number) {
    const InitWord word{.word = Word::failed, .step = step, .error_number = number};
    (void)kernel::send_message(sockets.theirs, kernel::frame_bytes(word));
    ::_exit(1);
  };
  // It holds a copy of every descriptor of the keeper, lock and client included, so it must not
  // outlive the keeper: neither by the ends of its own pipes, nor before retort-init ties itself to
  // it.
  mapped.write_end.reset();
  sockets.ours.reset();
  if (auto tied = kernel::die_with_parent(); !tied) die(Step::watch_parent, tied.error().os_errno);
  if (auto plain = kernel::shed_favours(); !plain) die(Step::watch_parent, plain.error().os_errno);
  if (group_ && !group_->enter()) die(Step::enter_group, errno);
  char go = 0;
  if (::read(mapped.read_end.get(), &go, 1) != 1) ::_exit(1);  // the keeper is gone
  const unsigned first = first_id_inside(ids_);
  if (auto became = kernel::become(first, first); !became)
    die(Step::first_ids, became.error().os_errno);
  // Which the change of ids has undone.
  if (auto tied = kernel::die_with_parent(); !tied) die(Step::watch_parent, tied.error().os_errno);
  if (auto kept = kernel::keep_capabilities_over_exec(); !kept)
    die(Step::first_ids, kept.error().os_errno);
  kernel::reset_signals();
  // Everything that goes along is first moved above the numbers it is to have.
  const int high_socket = ::fcntl(sockets.theirs.get(), F_DUPFD_CLOEXEC, 10);
  const int high_init = ::fcntl(host_.init.get(), F_DUPFD_CLOEXEC, 10);
  std::array<int, 3> high_streams{};
  for (std::size_t i = 0; i < high_streams.size(); ++i) {
    high_streams.at(i) = ::fcntl(program_ends_.at(i).get(), F_DUPFD_CLOEXEC, 10);
    if (high_streams.at(i) < 0) die(Step::start_init, errno);
  }
  if (high_socket < 0 || high_init < 0) die(Step::start_init, errno);
  for (int i = 0; i < 3; ++i) {
    if (::dup2(high_streams.at(static_cast<std::size_t>(i)), i) < 0) die(Step::start_init, errno);
  }
  if (::dup2(high_socket, kInitSocket) < 0) die(Step::start_init, errno);
  execute_init(high_init, {"retort-init"});
  die(Step::start_init, errno);
  ::_exit(1);
}

void Cell::on_word() {
  auto message = kernel::receive_message(socket_, sizeof(InitWord));
  if (!message || message->bytes.size() != sizeof(InitWord)) {
    host_.loop.forget(socket_.get());  // it is gone; its pidfd says the rest
    return;
  }
  InitWord word;
  std::memcpy(&word, message->bytes.data(), sizeof word);
  if (word.word == Word::ready) return on_ready(std::move(message->descriptors));
  take(word);
  // Kills what the program left running, at once.
  if (word.word == Word::ended) (void)kernel::send_signal(init_.pidfd, SIGKILL);
}

void Cell::take(const InitWord& word) {
  if (heard_end_) return;
  if (word.word == Word::ended && running_) {
    heard_end_ = true;
    last_word_ = word;
    ended_at_ = std::clamp(
        Duration(static_cast<Duration::rep>(word.ended_at_us)), started_at_, monotonic_now());
  } else if (word.word == Word::failed) {
    heard_end_ = true;
    facts_.end = word.step == Step::execute ? End::start_failed : End::setup_failed;
    facts_.step = word.step;
    facts_.step_index = word.index;
    facts_.error_number = word.error_number;
  }
}

void Cell::on_ready(std::vector<Fd> descriptors) {
  if (running_ || descriptors.size() != 3) return kill(Cause::lost);
  scratch_ = std::move(descriptors.at(0));
  const Fd start = std::move(descriptors.at(1));
  program_ = std::move(descriptors.at(2));
  if (group_) {
    group_->restart_peaks();
    auto usage = group_->usage();
    if (!usage) return kill(Cause::lost);
    cpu_before_ns_ = usage->cpu_ns;
    cpu_user_before_ns_ = usage->cpu_user_ns;
    arm_cpu_timer(Duration(0));
  }
  started_at_ = monotonic_now();
  facts_.setup_us = static_cast<std::uint64_t>((started_at_ - requested_at_).count());
  if (auto armed = wall_timer_.arm(request_.limits.wall_time); !armed) return kill(Cause::lost);
  running_ = true;
  if (::write(start.get(), "g", 1) != 1) return kill(Cause::lost);
  for (const int number : kSendableSignals) {
    if ((early_signals_ >> static_cast<unsigned>(number) & 1U) != 0) signal(number);
  }
}

// The descriptor came from retort-init before the program was started, names that one process for
// good, and is of use only for processes of namespaces below the keeper's own.
void Cell::signal(int number) {
  if (!running_) {
    early_signals_ |= std::uint64_t{1} << static_cast<unsigned>(number);
  } else if (program_.is_open() && !heard_end_) {
    (void)kernel::send_signal(program_, number);
  }
}

void Cell::on_wall_timer() {
  wall_timer_.acknowledge();
  if (!running_) {
    facts_.error_number = ETIMEDOUT;
    return kill(Cause::lost);
  }
  kill(Cause::wall_time);
}

// The limit cannot be reached before all processors together have spent what is left: no earlier
// look is needed. The looks come closer as the limit does, a dozen in all.
void Cell::arm_cpu_timer(Duration used) {
  const Duration left = request_.limits.cpu_time + request_.limits.extra_time - used;
  const auto threads = std::min<std::uint64_t>(host_.processors, request_.limits.processes);
  (void)cpu_timer_.arm(std::max(left / static_cast<Duration::rep>(threads), kShortestCpuCheck));
}

void Cell::on_cpu_timer() {
  cpu_timer_.acknowledge();
  if (!running_ || heard_end_) return;
  const auto now = group_->cpu_time();
  if (!now) return kill(Cause::lost);
  const Duration used = *now - Duration(static_cast<Duration::rep>(cpu_before_ns_ / 1000));
  if (used > request_.limits.cpu_time + request_.limits.extra_time) return kill(Cause::cpu_time);
  arm_cpu_timer(used);
}

// Ending retort-init ends every process of its pid namespace; the kernel lets it be reaped only
// when all are gone.
void Cell::kill(Cause cause) {
  if (reader_.pidfd.is_open()) (void)kernel::send_signal(reader_.pidfd, SIGKILL);
  if (!init_.pidfd.is_open()) return;
  if (group_ && group_->memory_event() >= 0) host_.loop.forget(group_->memory_event());
  if (facts_.cause == Cause::none && !heard_end_) {
    facts_.cause = cause;
    if (running_) ended_at_ = monotonic_now();
  }
  (void)kernel::send_signal(init_.pidfd, SIGKILL);
}

void Cell::on_init_gone() {
  // Words that it sent before it died are still in the socket, and count.
  (void)kernel::set_nonblocking(socket_);
  for (bool more = true; more;) {
    auto message = kernel::receive_message(socket_, sizeof(InitWord));
    more = message && message->bytes.size() == sizeof(InitWord);
    if (!more) break;
    InitWord word;
    std::memcpy(&word, message->bytes.data(), sizeof word);
    take(word);
  }
  // What ends the program has nothing to end any more: the collector has a time of its own.
  for (const int descriptor : {socket_.get(),
                               init_.pidfd.get(),
                               wall_timer_.descriptor(),
                               cpu_timer_.descriptor(),
                               group_ ? group_->memory_event() : -1}) {
    host_.loop.forget(descriptor);
  }
  socket_.reset();
  (void)kernel::reap(init_.pidfd);
  init_.pidfd.reset();
  program_.reset();
  if (last_word_.word == Word::ended) {
    facts_.end = last_word_.signaled != 0 ? End::signaled : End::exited;
    facts_.code = last_word_.code;
    may_collect_ = true;
  } else if (running_ && !heard_end_) {
    facts_.end = End::killed;
    may_collect_ = true;
    if (facts_.cause == Cause::none) {
      facts_.cause = Cause::lost;
      ended_at_ = monotonic_now();
    }
  } else if (facts_.cause == Cause::none && !heard_end_ && facts_.error_number == 0) {
    facts_.error_number = ESRCH;  // it died without a word while it was being made
  }
  if (running_) facts_.wall_us = static_cast<std::uint64_t>((ended_at_ - started_at_).count());
  read_figures();
  look_at_disk();
  inspect();
}

}  // namespace retort::cell
