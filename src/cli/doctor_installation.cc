// Installation checks: folders and programs of Retort's here; then a keeper and a cell of it.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "cli/doctor_checks.h"
#include "cli/doctor_mend.h"
#include "keeper/instance.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::os_error;
using base::Result;
using base::Status;

namespace {

Status check_state_root(const std::string& root) {
  struct stat info{};
  if (::lstat(root.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() && (info.st_mode & 022U) == 0)
      return {};
    return Error{Fault::denied, root + " does not belong to this user alone", EPERM};
  }
  const std::string parent = root.substr(0, root.rfind('/'));
  if (::faccessat(AT_FDCWD, parent.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    return os_error("write to", parent);
  return {};
}

std::string mend_state_root(const std::string& root, const Error& error) {
  if (error.os_errno == EPERM) return as_root("rm -r " + root);
  const std::string parent = root.substr(0, root.rfind('/'));
  if (!is_root() && parent != "/tmp") return "unset XDG_RUNTIME_DIR";
  if (error.os_errno == EROFS) return no_command(parent + " is read-only");
  return as_root((error.os_errno == ENOENT ? "mkdir -m " : "chmod ") +
                 std::string(parent == "/tmp" ? "1777 " : "755 ") + parent);
}

void check_state(Checks& checks) {
  const std::string root = keeper::state_root();
  Check folder{"state-folder", "installation", Level::essential, "folder for keepers, " + root};
  if (const Status usable = check_state_root(root); !usable) {
    folder.found = false;
    folder.detail = usable.error().what;
    folder.lost = "no keeper starts";
    folder.mend = mend_state_root(root, usable.error());
  }
  checks.push_back(folder);

  // A keeper needs a folder and a lock there; what a cell writes lies in the cell's memory.
  constexpr std::uint64_t kLeastBytes = 1U << 20U;
  constexpr std::uint64_t kLeastInodes = 64;
  Check space{"state-space", "installation", Level::essential, "space for it"};
  struct statvfs info{};
  const std::string parent = root.substr(0, root.rfind('/'));
  if (::statvfs(root.c_str(), &info) != 0 && ::statvfs(parent.c_str(), &info) != 0) {
    space.found = false;
    space.detail = os_error("statvfs", parent).what;
    space.mend = first_mend("state-folder");
  } else {
    const std::uint64_t bytes = info.f_bavail * info.f_frsize;
    const bool bounded = info.f_files != 0;  // some file systems make inodes as they need them
    space.found = bytes >= kLeastBytes && (!bounded || info.f_favail >= kLeastInodes);
    space.detail = std::to_string(bytes >> 20U) + " MiB";
    if (bounded) space.detail += ", " + std::to_string(info.f_favail) + " inodes";
    space.detail += " free";
    space.mend = no_command("delete what fills the file system of " + parent);
  }
  space.lost = "no keeper starts";
  checks.push_back(space);
}

void check_programs(Checks& checks) {
  std::error_code failed;
  const std::filesystem::path folder =
      std::filesystem::read_symlink("/proc/self/exe", failed).parent_path();
  std::vector<std::string> missing;
  Check check{
      "programs", "installation", Level::essential, "retort-keeper and retort-init beside retort"};
  for (const char* name : {"retort-keeper", "retort-init"}) {
    const std::string path = folder / name;
    if (::access(path.c_str(), X_OK) == 0) continue;
    missing.emplace_back(name);
    check.detail = os_error("execute", path).what;
  }
  check.found = missing.empty();
  check.lost = "no keeper starts, or none of its cells";
  const std::string build = folder.parent_path();
  check.mend = ::access((build + "/build.ninja").c_str(), R_OK) == 0
                   ? "ninja -C " + build + " " + joined(missing, " ")
                   : no_command("copy " + joined(missing, " and ") + " to " + folder.string() +
                                " from where retort came from");
  checks.push_back(check);
}

void check_merged_usr(Checks& checks) {
  std::vector<std::string> folders;
  for (const char* path : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    struct stat info{};
    if (::lstat(path, &info) == 0 && !S_ISLNK(info.st_mode)) folders.emplace_back(path);
  }
  Check check{"merged-usr",
              "installation",
              Level::essential,
              "/bin, /lib and their like are links into /usr"};
  check.found = folders.empty();
  if (!check.found) check.detail = joined(folders, ", ") + " of their own";
  check.lost = "no keeper starts: the host's /usr would be no whole image";
  check.mend = install("usrmerge");
  checks.push_back(check);
}

Result<job::StageResult> run_cell(Workbench& bench) {
  runtime::Manifest manifest;
  manifest.id = "doctor";
  manifest.run.command = {"/usr/bin/true"};
  job::Submission submission;
  submission.program.runtime = &manifest;
  submission.program.files = {{.name = "none", .content = ""}};
  submission.program.run_limits = manifest.run.limits;
  submission.allow_unenforced = UINT32_MAX;
  RETORT_TRY(auto result, bench.run(std::move(submission)));
  if (result.stages.empty()) return Error{Fault::internal, result.message, 0};
  if (result.outcome != cell::Outcome::ok) {
    return Error{Fault::internal,
                 std::string(cell::outcome_name(result.outcome)) + ": " + result.message,
                 result.stages.front().facts.error_number};
  }
  return std::move(result.stages.front());
}

// All the rest was only parts of it.
std::string mend_missing_above(const Checks& checks) {
  const auto missing = std::ranges::find_if(
      checks, [](const Check& check) { return !check.found && check.level == Level::essential; });
  return missing != checks.end() ? first_mend(missing->id)
                                 : no_command("nothing above is missing; please report it");
}

void check_trial(Checks& checks, const Trial& trial) {
  Check keeper{"keeper", "installation", Level::essential, "a keeper starts here"};
  if (!trial.bench) {
    keeper.found = false;
    keeper.detail = trial.bench.error().what;
    keeper.lost = "no job runs";
    keeper.mend = mend_missing_above(checks);
  }
  checks.push_back(keeper);
  Check cell{"cell", "installation", Level::essential, "a cell runs /usr/bin/true"};
  if (!trial.stage) {
    cell.found = false;
    cell.detail = trial.bench ? trial.stage.error().what : "not tried: no keeper starts";
    cell.lost = "no job runs";
    cell.mend = trial.bench ? mend_missing_above(checks) : first_mend("keeper");
  }
  checks.push_back(cell);
}

}  // namespace

Trial check_installation(Checks& checks) {
  check_state(checks);
  check_programs(checks);
  check_merged_usr(checks);
  auto bench = Workbench::open();
  auto stage = bench ? run_cell(*bench) : Result<job::StageResult>(bench.error());
  Trial trial{.bench = std::move(bench), .stage = std::move(stage)};
  check_trial(checks, trial);
  return trial;
}

}  // namespace retort::cli
