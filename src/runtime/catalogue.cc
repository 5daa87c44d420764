// Catalogue: finds manifests, gives a name that two of them claim to the first, and looks for what
// they need.
#include "runtime/catalogue.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <tuple>
#include <utility>

#include "base/bytes.h"
#include "runtime/command.h"
#include "text/nearest.h"

namespace retort::runtime {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kLongestVersion = 64;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_version_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
         c == '+' || c == '-' || c == '~';
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool is_folder(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Folders directly in `folder`, in alphabetical order.
Result<std::vector<std::string>> folders_in(const std::string& folder) {
  struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  const std::unique_ptr<DIR, Close> stream(::opendir(folder.c_str()));
  if (!stream) return base::os_error("opendir", folder);
  std::vector<std::string> found;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string name = static_cast<const char*>(entry->d_name);
    const std::string path = folder + "/" + name;
    if (!name.starts_with('.') && is_folder(path)) found.push_back(path);
  }
  if (errno != 0) return base::os_error("readdir", folder);
  std::ranges::sort(found);
  return found;
}

// Image "host": the cell sees the host's own files, so the host's paths decide.
std::vector<std::string> missing_of(const Manifest& manifest) {
  std::vector<std::string> missing;
  for (const std::string& path : manifest.needs) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) missing.push_back(path);
  }
  return missing;
}

std::string file_of(const Manifest& manifest) {
  return manifest.folder + "/runtime.toml";
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

}  // namespace

std::string CatalogueEntry::reason() const {
  if (is_broken()) return faults;
  if (missing.empty()) return {};
  std::string text = "needs " + joined(missing, ", ");
  if (!manifest.packages.empty()) {
    text.append(": apt-get install ").append(joined(manifest.packages, " "));
  }
  return text;
}

Error CatalogueEntry::refusal() const {
  return Error{
      Fault::unsupported, manifest.name + (is_broken() ? " is broken:\n" : " ") + reason(), 0};
}

Result<Catalogue> Catalogue::load(const std::vector<std::string>& folders) {
  Catalogue catalogue;
  std::vector<std::string> faults;
  for (const std::string& folder : folders) {
    const auto found = folders_in(folder);
    if (!found) {
      faults.push_back(found.error().what);
      continue;
    }
    for (const std::string& path : *found) {
      CatalogueEntry entry;
      if (auto manifest = load_manifest(path)) {
        entry.manifest = *std::move(manifest);
        entry.missing = missing_of(entry.manifest);
      } else {
        entry.manifest.id = base::printable(path.substr(path.rfind('/') + 1));
        entry.manifest.name = entry.manifest.id;
        entry.manifest.folder = path;
        entry.faults = manifest.error().what;
      }
      catalogue.entries_.push_back(std::move(entry));
    }
  }
  if (!faults.empty()) return Error{Fault::invalid, joined(faults, "\n"), 0};
  std::ranges::sort(catalogue.entries_, {}, [](const CatalogueEntry& entry) {
    return std::tie(entry.manifest.id, entry.manifest.folder);
  });
  catalogue.index();
  return catalogue;
}

void Catalogue::index() {
  // Sound ones first, so that no broken one takes a name from them.
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    CatalogueEntry& entry = entries_[i];
    if (entry.is_broken()) continue;
    const Manifest& manifest = entry.manifest;
    std::vector<std::string> faults;
    const auto check = [&](const auto& index, std::string_view kind, const std::string& word) {
      const auto owner = index.find(word);
      if (owner == index.end()) return;
      faults.push_back(file_of(manifest) + ": " + std::string(kind) + " '" + word +
                       "' is taken by " + file_of(entries_[owner->second].manifest));
    };
    check(by_name_, "id", manifest.id);
    for (const auto& alias : manifest.aliases) check(by_name_, "alias", alias);
    for (const auto& extension : manifest.extensions) check(by_extension_, "extension", extension);
    entry.faults = joined(faults, "\n");
    if (entry.is_broken()) continue;
    by_name_.emplace(manifest.id, i);
    for (const auto& alias : manifest.aliases) by_name_.emplace(alias, i);
    for (const auto& extension : manifest.extensions) by_extension_.emplace(extension, i);
  }
  // What is left of the broken ones' names leads to them, and so to what is wrong with them.
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].is_broken()) continue;
    const Manifest& manifest = entries_[i].manifest;
    by_name_.emplace(manifest.id, i);
    for (const auto& alias : manifest.aliases) by_name_.emplace(alias, i);
    for (const auto& extension : manifest.extensions) by_extension_.emplace(extension, i);
  }
}

Result<const CatalogueEntry*> Catalogue::find(std::string_view name) const {
  if (const auto found = by_name_.find(lowered(name)); found != by_name_.end()) {
    return &entries_[found->second];
  }
  std::vector<std::string> names;
  for (const auto& [known, place] : by_name_) names.push_back(known);
  std::string what = "no runtime '" + base::printable(name) + "'";
  if (const auto near = text::nearest(lowered(name), names)) {
    return Error{Fault::not_found, what + "; did you mean '" + *near + "'?", 0};
  }
  std::vector<std::string> ids;
  for (const CatalogueEntry& entry : entries_) ids.push_back(entry.manifest.id);
  return Error{Fault::not_found, what + "; known are " + joined(ids, ", "), 0};
}

Result<const CatalogueEntry*> Catalogue::find_by_file(std::string_view file_name) const {
  const std::string_view extension = extension_of(file_name);
  if (const auto found = by_extension_.find(extension); found != by_extension_.end()) {
    return &entries_[found->second];
  }
  std::string what = "'" + base::printable(file_name) + "' tells no language: ";
  if (extension.empty()) {
    what += "it has no extension; name the language";
  } else {
    what += "no runtime has the extension '" + base::printable(extension) + "'; name the language";
  }
  std::vector<std::string> broken;
  for (const CatalogueEntry& entry : entries_) {
    if (entry.is_broken()) broken.push_back(entry.manifest.id);
  }
  if (!broken.empty()) what.append("; broken are ").append(joined(broken, ", "));
  return Error{Fault::not_found, std::move(what), 0};
}

Result<LanguageRequest> parse_language(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return Error{Fault::invalid,
                 "language '" + base::printable(text) + "': " + std::string(why) +
                     "; write for example python or python@3.11",
                 0};
  };
  const std::size_t at = text.find('@');
  const std::string_view name = text.substr(0, at);
  if (name.empty()) return refuse("names no language");
  if (at == std::string_view::npos) return LanguageRequest{std::string(name), ""};
  const std::string_view version = text.substr(at + 1);
  if (version == "*") return LanguageRequest{std::string(name), ""};
  if (version.empty()) return refuse("names no version after '@'");
  const bool is_sound =
      version.size() <= kLongestVersion && std::ranges::all_of(version, is_version_character);
  if (!is_sound || version.starts_with('.') || version.ends_with('.')) {
    return refuse("is no version after '@'");
  }
  return LanguageRequest{std::string(name), std::string(version)};
}

std::string version_in(std::string_view output) {
  for (std::size_t i = 0; i < output.size(); ++i) {
    // Not the 3 of "python3 3.11.2"; the v of "v20.20.2" is no part of a word.
    const bool is_start =
        i == 0 || !is_version_character(output[i - 1]) ||
        (output[i - 1] == 'v' && (i == 1 || !is_version_character(output[i - 2])));
    if (!is_start || !is_digit(output[i])) continue;
    std::size_t end = i;
    while (end < output.size() && is_version_character(output[end])) ++end;
    return std::string(output.substr(i, std::min(end - i, kLongestVersion)));
  }
  return {};
}

bool is_version_match(std::string_view version, std::string_view prefix) {
  if (!version.starts_with(prefix)) return false;
  if (prefix.empty() || version.size() == prefix.size()) return true;
  return !is_digit(version[prefix.size()]);
}

}  // namespace retort::runtime
