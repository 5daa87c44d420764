// Keeper: one thread, one loop. Frames in, cells made and ended, frames out.
#include "keeper/keeper.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <deque>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/weaken.h"
#include "cell/cell.h"
#include "cell/filter.h"
#include "cell/image_root.h"
#include "keeper/frames.h"
#include "keeper/instance.h"
#include "keeper/quarantine.h"
#include "keeper/requests.h"
#include "keeper/user_namespace.h"
#include "kernel/credentials.h"
#include "kernel/event_loop.h"
#include "kernel/files.h"
#include "kernel/mounts.h"
#include "kernel/namespaces.h"
#include "kernel/processors.h"
#include "kernel/seccomp.h"
#include "kernel/socket.h"

namespace retort::keeper {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kMostCells = 1024;
// What it takes to make a cell and to end it: pipes and ids are given to it, device nodes and
// namespaces made, its processes killed, its collector loses the rest (SETPCAP), and its group is
// removed from a hierarchy whose root may be closed to writing (DAC_OVERRIDE).
constexpr std::array kCapabilities = {CAP_CHOWN,
                                      CAP_DAC_OVERRIDE,
                                      CAP_KILL,
                                      CAP_MKNOD,
                                      CAP_SETGID,
                                      CAP_SETUID,
                                      CAP_SETPCAP,
                                      CAP_SYS_ADMIN};
constexpr std::uint32_t kGroupLimits = 1U << static_cast<unsigned>(cell::Limit::cpu_time) |
                                       1U << static_cast<unsigned>(cell::Limit::memory) |
                                       1U << static_cast<unsigned>(cell::Limit::processes);

Result<Fd> open_init() {
  RETORT_TRY(const auto folder, kernel::program_folder());
  return kernel::open_at(AT_FDCWD, folder + "/retort-init", O_PATH);
}

constexpr rlim_t kDescriptorsPerCell = 20;

std::size_t most_cells() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMostCells;
  return std::min<std::size_t>(kMostCells, limit.rlim_cur / kDescriptorsPerCell);
}

// A caller's soft limits are for its own programs; a cell has limits of its own, up to the hard
// ones. But not the stack's, since "unlimited" there makes addresses less random, nor core's, whose
// 0 is meant for us.
void raise_soft_limits() {
  for (const auto resource : {RLIMIT_AS,
                              RLIMIT_CPU,
                              RLIMIT_DATA,
                              RLIMIT_FSIZE,
                              RLIMIT_LOCKS,
                              RLIMIT_NOFILE,
                              RLIMIT_NPROC,
                              RLIMIT_RSS,
                              RLIMIT_RTTIME}) {
    rlimit limit{};
    if (::getrlimit(resource, &limit) != 0) continue;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(resource, &limit);
  }
}

class Keeper {
 public:
  Keeper(const Fd& client, std::unique_ptr<kernel::EventLoop> loop)
      : client_(client), loop_(std::move(loop)) {}

  // In this order: clean up and claim, take ids, and only then make the mount namespace that the
  // ids allow.
  Status prepare(std::optional<unsigned> wanted) {
    raise_soft_limits();
    most_cells_ = most_cells();
    RETORT_TRY(quarantine_, Quarantine::create(*loop_));
    RETORT_TRY(instance_, Instance::claim(wanted));
    RETORT_TRY(init_, open_init());
    RETORT_TRY(ids_, acquire_ids(instance_->number()));
    makes_devices_ = kernel::is_in_first_user_namespace() && !base::weakened("devices:own");
    RETORT_CHECK(make_template());
    if (ids_.count != 0) RETORT_CHECK(choose_first_id());
    return give_up_the_rest();
  }

  Status run() {
    RETORT_CHECK(kernel::set_nonblocking(client_));
    RETORT_CHECK(
        loop_->watch(client_.get(), EPOLLIN, [this](std::uint32_t events) { on_client(events); }));
    HelloFrame hello;
    hello.unenforceable = instance_->groups() != nullptr ? 0 : kGroupLimits;
    hello.group_version = instance_->groups() != nullptr
                              ? static_cast<std::uint32_t>(instance_->groups()->version())
                              : 0;
    hello.instance = instance_->number();
    hello.single_id = ids_.count == 0 ? 1 : 0;
    put_text(hello.reason, instance_->why_no_groups());
    send(hello);
    const Status ran = loop_->run();
    cells_.clear();  // kills and reaps
    (void)::umount2(instance_->image_folder().c_str(), MNT_DETACH);
    return ran;
  }

 private:
  struct Outgoing {
    std::vector<std::byte> bytes;
    std::vector<Fd> descriptors;
  };

  // From here on it only makes and ends cells. In a user namespace of its own, where an ordinary
  // user's keeper is, every capability is one over that user's things only, and one more is wanted
  // (SETFCAP, to map the user's own id).
  Status give_up_the_rest() const {
    if (!ids_.own_namespace) RETORT_CHECK(kernel::keep_only_capabilities(kCapabilities));
    return kernel::load_filter(cell::keeper_filter());
  }

  Status make_template() {
    if (::unshare(CLONE_NEWNS) != 0) {
      return os_error("unshare", "CLONE_NEWNS")
          .within("this root has no CAP_SYS_ADMIN (in a container, add it)");
    }
    RETORT_CHECK(kernel::make_all_private());
    RETORT_TRY(const Fd memory,
               kernel::make_filesystem("tmpfs",
                                       {{"source", "retort"}, {"mode", "0755"}, {"size", "64m"}},
                                       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
    RETORT_CHECK(kernel::attach(memory, AT_FDCWD, instance_->image_folder()));
    // Cells find the template as their working directory: their ids may not be able to walk to it.
    if (::chdir(instance_->image_folder().c_str()) != 0)
      return os_error("chdir", instance_->image_folder());
    return cell::prepare_host_image();
  }

  // Somewhere in the block, so that ids of one keeper after the other are not the same.
  Status choose_first_id() {
    std::uint32_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != sizeof random) return os_error("getrandom", "");
    next_id_ = random;
    return {};
  }

  // The next ids that no cell has: none that lives, and none whose group is still there.
  cell::Ids take_ids() {
    if (ids_.count == 0) return {.first = 0, .single = true};
    const unsigned places = ids_.count / cell::kIdsPerCell;
    for (;;) {
      const unsigned place = base::weakened("ids:own") ? 0 : next_id_++ % places;
      if (used_.insert(place).second || base::weakened("ids:own"))
        return {.first = ids_.first + place * cell::kIdsPerCell, .single = false};
    }
  }

  void give_back(const cell::Ids& ids, std::unique_ptr<kernel::Group> group) {
    const auto free = [this, ids] {
      if (!ids.single) used_.erase((ids.first - ids_.first) / cell::kIdsPerCell);
    };
    if (group && !group->remove()) return quarantine_->hold(std::move(group), free);
    free();
  }

  void on_client(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) flush();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    auto message = kernel::receive_message(client_, kLargestFrame);
    if (!message && message.error().fault == Fault::exhausted) return;
    // Gone, or not speaking our protocol: either way nobody waits for these cells any more.
    if (!message || message->bytes.empty()) return loop_->stop();
    auto request = read_request(message->bytes, message->descriptors.size());
    if (!request) return loop_->stop();
    if (auto* const begin = std::get_if<StartRequest>(&*request)) {
      auto started = start(*begin, std::move(message->descriptors.front()));
      if (!started) refuse(begin->id, started.error());
    } else if (const auto* const end = std::get_if<CancelRequest>(&*request)) {
      if (const auto found = cells_.find(end->id); found != cells_.end()) found->second->cancel();
    } else if (const auto* const word = std::get_if<SignalRequest>(&*request)) {
      if (const auto found = cells_.find(word->id); found != cells_.end())
        found->second->signal(word->number);
    } else if (const auto* const bad = std::get_if<BadRequest>(&*request)) {
      refuse(bad->id, bad->why);
    }
  }

  Status start(StartRequest& request, Fd bundle) {
    const std::uint64_t id = request.id;
    if (cells_.contains(id)) return Error{Fault::invalid, "keeper: the id is in use", 0};
    const int seals = ::fcntl(bundle.get(), F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_WRITE) == 0) {
      return Error{Fault::invalid, "keeper: the bundle is not a sealed memory file", 0};
    }
    const std::uint32_t unenforced = instance_->groups() != nullptr ? 0 : kGroupLimits;
    if ((unenforced & ~request.allow_unenforced) != 0) {
      return Error{
          Fault::unsupported, "limits cannot be enforced: " + instance_->why_no_groups(), 0};
    }
    const std::size_t cells = cells_.size() + quarantine_->size();
    if (cells >= most_cells_ || (ids_.count != 0 && cells >= ids_.count / cell::kIdsPerCell)) {
      return Error{Fault::exhausted,
                   "keeper: " + std::to_string(cells) + " cells are running or not yet gone",
                   0};
    }
    request.cell.unenforced = unenforced;
    const cell::Host host{.loop = *loop_,
                          .groups = instance_->groups(),
                          .init = init_,
                          .processors = processors_,
                          .makes_devices = makes_devices_,
                          .give_back = give_back_};
    auto cell = cell::Cell::start(host,
                                  "cell-" + std::to_string(++sequence_),
                                  take_ids(),
                                  request.cell,
                                  std::move(bundle),
                                  [this, id](const cell::Facts& facts) { on_finished(id, facts); });
    if (!cell) return cell.error();
    StartedFrame started;
    started.header.id = id;
    cell::Streams& streams = (*cell)->streams();
    std::vector<Fd> ends;
    for (Fd* end : {&streams.terminal,
                    &streams.stdin_write,
                    &streams.stdout_read,
                    &streams.stderr_read,
                    &streams.collected_read}) {
      if (end->is_open()) ends.push_back(std::move(*end));
    }
    cells_.emplace(id, std::move(*cell));
    send(started, std::move(ends));
    return {};
  }

  void on_finished(std::uint64_t id, const cell::Facts& facts) {
    cells_.erase(id);
    EndedFrame ended;
    ended.header.id = id;
    ended.facts = facts;
    send(ended);
  }

  void refuse(std::uint64_t id, const Error& error) {
    RefusedFrame refused;
    refused.header.id = id;
    refused.fault = static_cast<std::uint32_t>(error.fault);
    refused.error_number = error.os_errno;
    put_text(refused.text, error.what);
    send(refused);
  }

  template <typename Frame>
  void send(const Frame& frame, std::vector<Fd>&& descriptors = {}) {
    const auto bytes = kernel::frame_bytes(frame);
    outgoing_.push_back(
        {.bytes = {bytes.begin(), bytes.end()}, .descriptors = std::move(descriptors)});
    if (outgoing_.size() == 1) flush();
  }

  void flush() {
    while (!outgoing_.empty()) {
      const Outgoing& next = outgoing_.front();
      std::vector<int> numbers;
      numbers.reserve(next.descriptors.size());
      for (const Fd& descriptor : next.descriptors) numbers.push_back(descriptor.get());
      if (auto sent = kernel::send_message(client_, next.bytes, numbers); !sent) {
        if (sent.error().fault != Fault::exhausted) return loop_->stop();
        // A client that does not read is not read from either: the queue cannot grow.
        (void)loop_->change(client_.get(), EPOLLOUT);
        return;
      }
      outgoing_.pop_front();
    }
    (void)loop_->change(client_.get(), EPOLLIN);
  }

  const Fd& client_;
  std::unique_ptr<kernel::EventLoop> loop_;
  std::unique_ptr<Instance> instance_;
  IdBlock ids_;
  Fd init_;
  unsigned processors_ = kernel::count_processors();
  std::size_t most_cells_ = 0;
  bool makes_devices_ = false;
  std::uint32_t next_id_ = 0;
  std::uint64_t sequence_ = 0;
  std::unordered_set<unsigned> used_;
  std::unique_ptr<Quarantine> quarantine_;
  const std::function<void(cell::Ids, std::unique_ptr<kernel::Group>)> give_back_ =
      [this](cell::Ids ids, std::unique_ptr<kernel::Group> group) {
        give_back(ids, std::move(group));
      };
  std::unordered_map<std::uint64_t, std::unique_ptr<cell::Cell>> cells_;
  std::deque<Outgoing> outgoing_;
};

}  // namespace

Result<bool> serve(Fd client, std::optional<unsigned> instance) {
  ::umask(022);  // cells must be able to read what is prepared for them
  // Whatever whoever started us left open is for no program in a cell, and the socket neither.
  (void)::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  (void)::fcntl(client.get(), F_SETFD, FD_CLOEXEC);
  // A signal to the terminal's group is for the client, which ends us by closing the socket.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  const auto tell = [&](const Error& error) {
    RefusedFrame refused;
    refused.fault = static_cast<std::uint32_t>(error.fault);
    refused.error_number = error.os_errno;
    put_text(refused.text, error.what);
    (void)kernel::send_message(client, kernel::frame_bytes(refused));
  };
  auto loop = kernel::EventLoop::create();
  if (!loop) {
    tell(loop.error());
    return false;
  }
  Keeper keeper(client, std::move(*loop));
  if (auto prepared = keeper.prepare(instance); !prepared) {
    tell(prepared.error());
    return false;
  }
  RETORT_CHECK(keeper.run());
  return true;
}

}  // namespace retort::keeper
