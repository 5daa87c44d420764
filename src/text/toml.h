// Toml: a strict reader of the files that people write. Every fault is collected, none is passed
// over.
//
// How to read a file: load it, ask the root table for every key that is known (typed getters note a
// fault and return nothing when the type is wrong), report what else is wrong with `fault`, and end
// with `finish`: it adds a fault for each key that nobody asked for and returns all of them at
// once, in the order of the file, one a line:
//
//   runtimes/cpp/runtime.toml:12:10: run.limits.memory: '5' has no unit; write for example 256MiB
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace retort::text {

constexpr std::size_t kLargestToml = std::size_t{1} << 20U;

struct TomlDocument;  // in toml.cc

// A cursor on one table. It is a view: the TomlFile it came from must outlive it. Getters are
// non-const because they remember what was asked for. A cursor on a table that the file lacks
// answers every question with "absent" and notes no faults.
class TomlTable {
 public:
  // False for a table that the file does not have (or that was not a table, which is a fault
  // already).
  [[nodiscard]] bool exists() const { return node_ != nullptr; }

  // Is the key there, whatever its value? Asks for nothing.
  [[nodiscard]] bool has(std::string_view key) const;
  // Every key of the table, in alphabetical order; asks for none of them.
  [[nodiscard]] std::vector<std::string> keys() const;

  // Where the key's value stands, from 1; 0 when the file does not have it. Asks for nothing.
  [[nodiscard]] std::size_t line(std::string_view key) const;

  // Each getter: the value, or nothing when the key is absent or its value has the wrong type (a
  // fault). `wanted` replaces the type's name in the message: "must be text with a unit, not an
  // integer".
  std::optional<std::string> text(std::string_view key, std::string_view wanted = "text");
  std::optional<std::int64_t> integer(std::string_view key,
                                      std::string_view wanted = "a whole number");
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::vector<std::string>> texts(std::string_view key);
  // For a key that takes values of more than one type.
  using Scalar = std::variant<std::string, std::int64_t, bool>;
  std::optional<Scalar> scalar(std::string_view key, std::string_view wanted);

  // The same, and an absent key or an empty text is a fault.
  std::string required_text(std::string_view key);

  TomlTable table(std::string_view key);
  std::vector<TomlTable> tables(std::string_view key);  // an array of tables: [[key]]

  // Notes a fault of one key's value, or of its element number `element`. A key that the file lacks
  // gets the place of the table.
  void fault(std::string_view key,
             std::string_view message,
             std::optional<std::size_t> element = std::nullopt);

 private:
  friend class TomlFile;
  struct Access;  // the bridge to the library's types, in toml.cc
  TomlTable(TomlDocument* document, const void* node, std::string path)
      : document_(document), node_(node), path_(std::move(path)) {}

  TomlDocument* document_ = nullptr;
  const void* node_ = nullptr;  // toml::table; null when the file has no such table
  std::string path_;            // dotted key of this table; empty at the root
};

class TomlFile {
 public:
  // Reads a regular file of at most kLargestToml bytes. Errors: Fault::not_found and such from the
  // system; Fault::invalid with file:line:column for what is not TOML 1.0.
  static base::Result<TomlFile> load(const std::string& path);
  // The same for text in memory; `name` stands for the file's name in messages.
  static base::Result<TomlFile> parse(std::string_view text, const std::string& name);

  TomlFile(TomlFile&&) noexcept;
  TomlFile& operator=(TomlFile&&) noexcept;
  TomlFile(const TomlFile&) = delete;
  TomlFile& operator=(const TomlFile&) = delete;
  ~TomlFile();

  [[nodiscard]] TomlTable root();

  // Call once, after everything was asked for: all faults as one Error (Fault::invalid), one a
  // line.
  base::Status finish();

 private:
  explicit TomlFile(std::unique_ptr<TomlDocument> document);
  std::unique_ptr<TomlDocument> document_;
};

}  // namespace retort::text
