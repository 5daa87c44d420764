// Program: files, limits, ids, capabilities, filter, exec, in this order.
#include "cell/program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/weaken.h"
#include "cell/bundle.h"
#include "cell/filter.h"
#include "cell/mount_plan.h"
#include "kernel/credentials.h"
#include "kernel/files.h"
#include "kernel/landlock.h"
#include "kernel/process.h"
#include "kernel/processor.h"
#include "kernel/seccomp.h"
#include "kernel/terminal.h"

namespace retort::cell {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

[[noreturn]] void die(const Fd& report, Step step, int error_number, std::uint16_t index = 0) {
  const Report failure{.step = step, .index = index, .error_number = error_number};
  (void)!::write(report.get(), &failure, sizeof failure);
  ::_exit(127);
}

void must(const Status& status, const Fd& report, Step step, std::uint16_t index = 0) {
  if (!status)
    die(report, step, status.error().os_errno != 0 ? status.error().os_errno : EINVAL, index);
}

struct Words {
  std::vector<std::string> arguments;
  std::vector<std::string> variables;
};

Status write_bundled_file(const Fd& box, BundleReader& reader, const RecordStart& record) {
  std::string name = record.name;
  RETORT_TRY(const Fd folder, kernel::open_parent(box, name, 0755));
  const mode_t mode = (record.mode & S_IXUSR) != 0 ? 0755 : 0644;
  RETORT_TRY(const Fd file,
             kernel::open_beneath(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  return reader.copy_to(record, file);
}

Result<Words> unpack(const Fd& bundle) {
  if (::lseek(bundle.get(), 0, SEEK_SET) != 0) return os_error("lseek", "the bundle");
  RETORT_TRY(const Fd box, kernel::open_at(AT_FDCWD, kBox, O_PATH | O_DIRECTORY));
  BundleReader reader(bundle);
  Words words;
  for (;;) {
    RETORT_TRY(const RecordStart record, reader.next());
    switch (record.kind) {
      case Record::argument: {
        RETORT_TRY(words.arguments.emplace_back(), reader.take_text(record, kLongestWord));
        break;
      }
      case Record::variable: {
        RETORT_TRY(words.variables.emplace_back(), reader.take_text(record, kLongestWord));
        break;
      }
      case Record::directory: {
        std::string name = record.name + "/";
        RETORT_CHECK(kernel::open_parent(box, name, 0755));
        break;
      }
      case Record::file:
        RETORT_CHECK(write_bundled_file(box, reader, record));
        break;
      case Record::collect:
        break;
      case Record::end:
        if (words.arguments.empty()) return Error{Fault::invalid, "bundle: no arguments", EINVAL};
        return words;
      case Record::refused:
        return Error{Fault::invalid, "bundle: a record that does not go in", EINVAL};
    }
  }
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// What the mounts already say, said again to another part of the kernel. `queues` is the file
// system of POSIX message queues: every IPC namespace has one, which mq_open(3) uses without its
// being mounted.
kernel::LandlockRules landlock_rules(const InitSpec& spec, const Fd& queues) {
  kernel::LandlockRules rules{.readable = {"/"},
                              .writable = {},
                              .rewritable = {"/dev", "/proc"},
                              .writable_descriptors = {queues.get()},
                              .internet = spec.network == Network::loopback};
  if (spec.terminal != 0) rules.terminals = {"/dev/pts", "/dev/tty"};
  for (const ScratchFolder& folder : scratch_folders()) rules.writable.emplace_back(folder.target);
  return rules;
}

struct ResourceLimit {
  __rlimit_resource resource;
  std::uint64_t value;
  std::string_view name;
};

}  // namespace

void become_program(const InitSpec& spec,
                    const Inherited& inherited,
                    const Fd& start,
                    const Fd& report) {
  if (::setsid() < 0) die(report, Step::session, errno);
  if (spec.terminal != 0) must(kernel::control_terminal(0), report, Step::session, 1);
  must(kernel::become(spec.program_id, spec.program_id), report, Step::program_ids);
  ::umask(022);

  auto words = unpack(inherited.bundle);
  if (!words)
    die(report, Step::files, words.error().os_errno != 0 ? words.error().os_errno : EINVAL);
  if (::chdir(kBox) != 0) die(report, Step::files, errno, 1);

  std::vector<ResourceLimit> limits = {
      // 1 and not 0: with 0 a crash would still start the helper of a piped core_pattern, as root
      // on
      // the host (core(5)).
      {RLIMIT_CORE, 1, "rlimit:core"},
      {RLIMIT_NOFILE, spec.open_files, "rlimit:open-files"},
      {RLIMIT_FSIZE, spec.file_size_bytes, "rlimit:file-size"},
      {RLIMIT_STACK, spec.stack_bytes, "rlimit:stack"},
      {RLIMIT_CPU, spec.cpu_seconds, "rlimit:cpu"},
      {RLIMIT_MEMLOCK, 64U << 10U, "rlimit:locked-memory"},
      {RLIMIT_MSGQUEUE, 512U << 10U, "rlimit:message-queues"},
      {RLIMIT_SIGPENDING, 256, "rlimit:pending-signals"},
      // What most hosts have already; so no build without them would differ.
      {RLIMIT_RTPRIO, 0, ""},
      {RLIMIT_NICE, 0, ""},
  };
  if (spec.processes != 0) limits.push_back({RLIMIT_NPROC, spec.processes, "rlimit:processes"});
  if constexpr (base::kWeakenedBuild)
    std::erase_if(limits, [](const ResourceLimit& limit) { return base::weakened(limit.name); });
  std::uint16_t index = 0;
  for (const ResourceLimit& limit : limits)
    must(kernel::lower_resource_limit(limit.resource, limit.value),
         report,
         Step::resource_limits,
         index++);

  if (!base::weakened("program:capabilities"))
    must(kernel::drop_all_capabilities(), report, Step::capabilities);
  if (!base::weakened("program:no-new-privileges"))
    must(kernel::forbid_new_privileges(), report, Step::no_new_privileges);

  if ((spec.add_ons & kSpeculation) == 0)
    must(kernel::forbid_speculation(), report, Step::speculation);

  const auto version = kernel::landlock_version();
  if (version && !base::weakened("landlock")) {
    must(kernel::restrict_with_landlock(landlock_rules(spec, inherited.queues), *version),
         report,
         Step::landlock);
  }

  auto arguments = pointers(words->arguments);
  auto variables = pointers(words->variables);
  if (!base::weakened("filter"))
    must(kernel::load_filter(filter_for(spec.network, spec.add_ons)), report, Step::filter);
  if (base::weakened("program:descriptors")) (void)::fcntl(inherited.bundle.get(), F_SETFD, 0);

  const Report ready{.step = Step::ready};
  if (::write(report.get(), &ready, sizeof ready) != sizeof ready) ::_exit(127);
  char go = 0;
  if (::read(start.get(), &go, 1) != 1) ::_exit(127);
  ::execve(arguments.front(), arguments.data(), variables.data());
  die(report, Step::execute, errno);
}

}  // namespace retort::cell
