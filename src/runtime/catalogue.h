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
  Manifest manifest;
  std::vector<std::string> missing;  // those of manifest.needs that the image lacks

  [[nodiscard]] bool is_available() const { return missing.empty(); }
  // "needs /usr/bin/g++: apt-get install g++"; empty when the runtime is available.
  [[nodiscard]] std::string reason() const;
};

class Catalogue {
 public:
  // Reads each `<folder>/<id>/runtime.toml`; names that begin with a dot, and what is not a folder,
  // are passed over. All faults at once, one a line: those of load_manifest, and ids, aliases and
  // extensions that two runtimes claim, with both files. Looks at the host for what each runtime
  // needs; a runtime whose needs are missing is still in the catalogue.
  static base::Result<Catalogue> load(const std::vector<std::string>& folders);

  // In the order of the ids.
  [[nodiscard]] const std::vector<CatalogueEntry>& entries() const { return entries_; }

  // The runtime with this id or alias; capitals do not matter. The pointer is not null and is good
  // while the catalogue is. Fault::not_found names the nearest known name.
  [[nodiscard]] base::Result<const CatalogueEntry*> find(std::string_view name) const;

  // The runtime whose extension the file has. Fault::not_found otherwise.
  [[nodiscard]] base::Result<const CatalogueEntry*> find_by_file(std::string_view file_name) const;

 private:
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
