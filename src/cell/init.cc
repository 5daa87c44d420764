// Init: process 1 of a cell. Builds the cell from the inside, forks the program, reaps, and tells
// the keeper how it ended.
//
// It starts with every capability of the cell's user namespace and none outside it, holds nothing
// that a stranger may not see, and gives up its capabilities before the program starts. When it
// ends, the kernel ends every process of the cell.
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/weaken.h"
#include "cell/filter.h"
#include "cell/mount_plan.h"
#include "cell/program.h"
#include "cell/spec.h"
#include "kernel/credentials.h"
#include "kernel/files.h"
#include "kernel/mounts.h"
#include "kernel/namespaces.h"
#include "kernel/process.h"
#include "kernel/processor.h"
#include "kernel/seccomp.h"
#include "kernel/socket.h"

namespace retort::cell {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

class Init {
 public:
  explicit Init(Fd socket) : socket_(std::move(socket)) {}

  int run() {
    receive();
    build();
    start();
    reap_until_program_ends();
    return 0;
  }

 private:
  void send(const InitWord& word, std::span<const int> descriptors = {}) {
    if (!kernel::send_message(socket_, kernel::frame_bytes(word), descriptors)) ::_exit(1);
  }

  // A cell that is not wholly built must not run: say where it failed, and end.
  void must(const Status& status, Step step, std::uint16_t index = 0) {
    if (status) return;
    const int number = status.error().os_errno;
    send({.word = Word::failed,
          .step = step,
          .index = index,
          .error_number = number != 0 ? number : EINVAL});
    ::_exit(1);
  }

  void receive() {
    must(kernel::die_with_parent(), Step::watch_parent);
    auto message = kernel::receive_message(socket_, sizeof spec_);
    if (!message) must(message.error(), Step::receive_spec);
    // An empty message: the keeper died before the line above could tie us to it.
    if (message->bytes.size() != sizeof spec_ || message->descriptors.empty()) ::_exit(1);
    std::memcpy(&spec_, message->bytes.data(), sizeof spec_);
    bundle_ = std::move(message->descriptors.front());
    if (!spec_.has_devices()) return;
    const bool terminal = spec_.terminal != 0;
    if (message->descriptors.size() != (terminal ? 3 : 2)) ::_exit(1);
    devices_ = std::move(message->descriptors.at(1));
    if (terminal) terminals_ = std::move(message->descriptors.at(2));
  }

  void build() {
    must(kernel::make_all_private(), Step::private_mounts);
    std::uint16_t index = 0;
    for (const MountStep& step : mount_plan(spec_)) must(mount(step), step.step, index++);
    // Another's IPC namespace gives no such file system.
    auto queues =
        kernel::make_filesystem(base::weakened("namespace:ipc") ? "tmpfs" : "mqueue", {}, 0);
    if (!queues) must(queues.error(), Step::devices, index);
    queues_ = std::move(*queues);
    if (!base::weakened("namespace:cgroup") && ::unshare(CLONE_NEWCGROUP) != 0)
      must(os_error("unshare", ""), Step::group_namespace);
    if (!base::weakened("namespace:time")) must(kernel::hide_uptime(), Step::clocks);
    if (!base::weakened("namespaces:none-within"))
      must(kernel::forbid_new_namespaces(), Step::forbid_namespaces);
    if (spec_.network == Network::loopback && !base::weakened("namespace:net"))
      must(kernel::raise_loopback(), Step::loopback);
    if (!base::weakened("namespace:uts") && ::sethostname("retort", 6) != 0)
      must(os_error("sethostname", ""), Step::hostname);
    must(kernel::change_root(kNewRoot), Step::change_root);
    must(kernel::take_cores_alone(), Step::cores);
    if (!base::weakened("init:dumpable")) must(kernel::hide_from_peers(), Step::hide);
  }

  Status mount(const MountStep& step) {
    const std::string target = kNewRoot + step.target;
    switch (step.kind) {
      case MountStep::Kind::filesystem: {
        RETORT_TRY(Fd made, kernel::make_filesystem(step.type, step.options, step.attributes));
        if (step.target.empty()) return fill_scratch(std::move(made));
        return kernel::attach(made, AT_FDCWD, target);
      }
      case MountStep::Kind::copy: {
        RETORT_TRY(const Fd copied, kernel::copy_mount(AT_FDCWD, step.source, step.attributes));
        return kernel::attach(copied, AT_FDCWD, target);
      }
      case MountStep::Kind::devices:
        return kernel::attach(std::exchange(devices_, {}), AT_FDCWD, target);
      case MountStep::Kind::terminals:
        return kernel::attach(std::exchange(terminals_, {}), AT_FDCWD, target);
      case MountStep::Kind::folder: {
        RETORT_TRY(const Fd copied,
                   kernel::copy_mount(scratch_.get(), step.source, step.attributes));
        return kernel::attach(copied, AT_FDCWD, target);
      }
    }
    return Error{Fault::internal, "an unknown mount step", 0};
  }

  Status fill_scratch(Fd made) {
    scratch_ = std::move(made);
    for (const ScratchFolder& folder : scratch_folders()) {
      RETORT_CHECK(kernel::make_directory(scratch_.get(), folder.name, 0700));
      const unsigned owner = folder.owned ? spec_.program_id : spec_.first_id;
      if (::fchownat(scratch_.get(), folder.name, owner, owner, 0) != 0)
        return os_error("chown", folder.name);
      if (::fchmodat(scratch_.get(), folder.name, folder.mode, 0) != 0)
        return os_error("chmod", folder.name);
    }
    // A fresh tmpfs that is attached nowhere cannot be a source of copies on older kernels; give it
    // a place that the change of root takes away.
    return kernel::attach(scratch_, AT_FDCWD, kTemplateEmpty);
  }

  void start() {
    auto start_pipe = kernel::make_pipe();
    auto report_pipe = kernel::make_pipe();
    if (!start_pipe || !report_pipe) must(os_error("pipe2", ""), Step::start_program);
    auto child = kernel::fork_child(0);
    if (!child) must(child.error(), Step::start_program);
    if (child->pid == 0) {
      socket_.reset();
      scratch_.reset();
      start_pipe->write_end.reset();
      report_pipe->read_end.reset();
      become_program(spec_,
                     {.bundle = bundle_, .queues = queues_},
                     start_pipe->read_end,
                     report_pipe->write_end);
    }
    program_ = child->pid;
    report_ = std::move(report_pipe->read_end);
    report_pipe->write_end.reset();
    start_pipe->read_end.reset();
    for (const int stream : {0, 1, 2}) ::close(stream);
    must(kernel::drop_all_capabilities(), Step::capabilities, 1);
    must(kernel::forbid_new_privileges(), Step::no_new_privileges, 1);
    must(kernel::load_filter(init_filter()), Step::filter, 1);

    Report report;
    const auto count = kernel::read_full(report_, std::as_writable_bytes(std::span(&report, 1)));
    if (!count || *count != sizeof report)
      must(os_error("read", "", EPIPE), Step::start_program, 1);
    if (report.step != Step::ready) fail(report);
    bundle_.reset();
    queues_.reset();
    const std::array descriptors = {
        scratch_.get(), start_pipe->write_end.get(), child->pidfd.get()};
    send({.word = Word::ready}, descriptors);
    scratch_.reset();
    child->pidfd.reset();
    start_pipe->write_end.reset();

    // The end of the pipe means that the program was executed; the process says so when it could
    // not be.
    const auto more = kernel::read_full(report_, std::as_writable_bytes(std::span(&report, 1)));
    if (more && *more == sizeof report) fail(report);
    report_.reset();
  }

  void fail(const Report& report) {
    send({.word = Word::failed,
          .step = report.step,
          .index = report.index,
          .error_number = report.error_number});
    ::_exit(1);
  }

  void reap_until_program_ends() {
    for (;;) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, 0);
      if (pid < 0 && errno == EINTR) continue;
      if (pid < 0) ::_exit(1);  // cannot be: the program is our child until we reap it
      // A program that asks to be traced by its parent is stopped then, and not at its end.
      if (pid != program_ || WIFSTOPPED(status)) continue;
      rusage usage{};
      ::getrusage(RUSAGE_CHILDREN, &usage);
      const auto micros = [](const timeval& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
               static_cast<std::uint64_t>(time.tv_usec);
      };
      const bool signaled = WIFSIGNALED(status);
      send({.word = Word::ended,
            .code = signaled ? WTERMSIG(status) : WEXITSTATUS(status),
            .signaled = signaled,
            .ended_at_us = static_cast<std::uint64_t>(base::monotonic_now().count()),
            .cpu_user_us = micros(usage.ru_utime),
            .cpu_system_us = micros(usage.ru_stime),
            .memory_peak_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024});
      return;
    }
  }

  Fd socket_;
  Fd bundle_;
  Fd devices_;
  Fd terminals_;
  Fd scratch_;
  Fd queues_;
  Fd report_;
  InitSpec spec_;
  pid_t program_ = 0;
};

}  // namespace

int run_init() {
  return Init(Fd(kInitSocket)).run();
}

}  // namespace retort::cell
