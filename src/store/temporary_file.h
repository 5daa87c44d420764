// TemporaryFile: a file that is written aside, and then put in its place whole or not at all.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace retort::store {

class TemporaryFile {
 public:
  // Makes a file with a random name, open for reading and writing (0600), in `folder`, which must
  // outlive it.
  static base::Result<TemporaryFile> create(const base::Fd& folder);
  TemporaryFile(TemporaryFile&& other) noexcept
      : folder_(other.folder_),
        name_(std::exchange(other.name_, std::string())),
        file_(std::move(other.file_)) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  // Removes it unless it was published.
  ~TemporaryFile();

  [[nodiscard]] const base::Fd& file() const { return file_; }
  // rename(2) to `name` in `to`, which must be on the same file system; replaces what is there.
  base::Status publish(const base::Fd& to, const std::string& name);

 private:
  TemporaryFile(const base::Fd* folder, std::string name, base::Fd file)
      : folder_(folder), name_(std::move(name)), file_(std::move(file)) {}

  const base::Fd* folder_;
  std::string name_;  // empty once it has another
  base::Fd file_;
};

// fsync(2); `object` is for the message.
base::Status sync(const base::Fd& file, std::string_view object);

// The names in a folder, without "." and "..".
base::Result<std::vector<std::string>> names_in(const base::Fd& folder);

// Makes a folder of ours (0700) below `parent` where it is missing, and opens it.
base::Result<base::Fd> open_folder(const base::Fd& parent, const std::string& name);

// Removes every file in it: what killed processes left.
base::Status empty_folder(const base::Fd& folder);

}  // namespace retort::store
