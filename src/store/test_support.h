// TestSupport: what the tests of this layer share: a folder that goes, processes that are killed.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "kernel/files.h"
#include "store/database.h"
#include "store/state_folder.h"

namespace retort::store {

// A state folder, on a real disk where TMPDIR is one.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "retort-store-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
    auto folder = open_state_folder(path_);
    EXPECT_TRUE(folder);
    descriptor_ = *std::move(folder);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() {
    (void)::umount2((path_ + "/small").c_str(), MNT_DETACH);  // see mount_small
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const base::Fd& descriptor() const { return descriptor_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::string database() const { return *this / "state.db"; }

 private:
  std::string path_;
  base::Fd descriptor_;
};

inline std::unique_ptr<Database> open_database(
    const TestFolder& folder, Database::Check check = Database::Check::after_unclean_end) {
  auto database = Database::open(folder.database(), check);
  EXPECT_TRUE(database) << (database ? "" : database.error().what);
  return database ? *std::move(database) : nullptr;
}

// Runs `body` in a process of its own, which is killed when it is done: as in a crash, the database
// is not closed. No database may be open in this process meanwhile. False when `body` was.
inline bool run_and_kill(const TestFolder& folder,
                         const std::function<bool(Database&)>& body,
                         std::span<const char* const> migrations = schema()) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto database =
        Database::open(folder.database(), Database::Check::after_unclean_end, migrations);
    if (!database || !body(**database)) ::_exit(1);
    ::raise(SIGKILL);
    ::_exit(2);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

// A file system of so many bytes at `path`, for this process alone; false where only root has that.
inline bool mount_small(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directory(path);
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", path.c_str(), "tmpfs", 0, ("mode=0700,size=" + bytes).c_str()) == 0;
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_content(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
}

inline std::size_t files_below(const std::string& path) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (!entry.is_directory()) ++count;
  }
  return count;
}

}  // namespace retort::store
