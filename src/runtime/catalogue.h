// Catalogue: every runtime that this host knows, and which of them it can run.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "runtime/manifest.h"

namespace retort::runtime {

struct CatalogueEntry {
  Manifest manifest;                 // of a manifest that could not be read: id, name and folder
  std::vector<std::string> missing;  // those of manifest.needs that the image lacks
  std::string faults;                // of the manifest, one a line; empty when it is sound

  [[nodiscard]] bool is_broken() const { return !faults.empty(); }
  [[nodiscard]] bool is_available() const { return missing.empty() && !is_broken(); }
  // "needs /usr/bin/g++: apt-get install g++", or the faults; empty when the runtime is available.
  [[nodiscard]] std::string reason() const;
  // The same as a sentence: "C++ (g++) needs /usr/bin/g++: …", "zed is broken:\n…".
  [[nodiscard]] base::Error refusal() const;
};

class Catalogue {
 public:
  // Reads each `<folder>/<id>/runtime.toml`; names that begin with a dot, and what is not a folder,
  // are passed over. Only a folder that cannot be read is an error. A manifest with faults is an
  // entry that is broken; so is one that claims an id, an alias or an extension that an earlier one
  // has, in the order of their ids and folders. Looks at the host for what each runtime needs; a
  // runtime whose needs are missing is still in the catalogue.
  static base::Result<Catalogue> load(const std::vector<std::string>& folders);

  // In the order of the ids.
  [[nodiscard]] const std::vector<CatalogueEntry>& entries() const { return entries_; }

  // The runtime with this id or alias; capitals do not matter. The pointer is not null and is good
  // while the catalogue is. Fault::not_found names the nearest known name.
  [[nodiscard]] base::Result<const CatalogueEntry*> find(std::string_view name) const;

  // The runtime whose extension the file has. Fault::not_found otherwise; it names the runtimes
  // that are broken, since one of them may be meant.
  [[nodiscard]] base::Result<const CatalogueEntry*> find_by_file(std::string_view file_name) const;

 private:
  void index();

  std::vector<CatalogueEntry> entries_;
  std::map<std::string, std::size_t, std::less<>>
      by_name_;  // ids and aliases, to places in entries_
  std::map<std::string, std::size_t, std::less<>> by_extension_;
};

// What a user asks for: LANG or LANG@VERSION.
struct LanguageRequest {
  std::string name;  // an id or alias, not yet looked up
  std::string
      version;  // a prefix in whole components: "3.1" is 3.1 and 3.1.4, not 3.11; empty: any
};

// "python", "python@3.11", "python@*". Fault::invalid says what is wrong.
base::Result<LanguageRequest> parse_language(std::string_view text);

// The version in what version_command printed: "17.0.15" of "javac 17.0.15\n", "20.20.2" of
// "v20.20.2". Empty when there is none.
std::string version_in(std::string_view output);

// Is `version` one that `prefix` (of a LanguageRequest) asks for?
bool is_version_match(std::string_view version, std::string_view prefix);

}  // namespace retort::runtime
