// Remote request: names and units of the command line become those of JSON.
#include "cli/remote_request.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "api/limit_values.h"
#include "api/request_limits.h"
#include "base/bytes.h"
#include "cli/sources.h"
#include "cli/workbench.h"
#include "runtime/catalogue.h"
#include "runtime/command.h"
#include "text/encodings.h"

namespace retort::cli {

namespace json = text::json;
using base::Error;
using base::Fault;
using base::Result;

namespace {

// What this side needs to know of a server's runtime.
struct RemoteRuntime {
  std::string id;
  std::vector<std::string> aliases;
  MainFile main;
};

std::string text_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::vector<std::string> texts_in(const json::object& object, std::string_view key) {
  std::vector<std::string> texts;
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_array()) return texts;
  for (const json::value& element : value->get_array()) {
    if (const json::string* text = element.if_string())
      texts.emplace_back(text->data(), text->size());
  }
  return texts;
}

std::vector<RemoteRuntime> read_runtimes(const json::object& answer) {
  std::vector<RemoteRuntime> runtimes;
  const json::value* list = answer.if_contains("runtimes");
  if (list == nullptr || !list->is_array()) return runtimes;
  for (const json::value& value : list->get_array()) {
    const json::object* one = value.if_object();
    if (one == nullptr) continue;
    runtimes.push_back({.id = text_in(*one, "id"),
                        .aliases = texts_in(*one, "aliases"),
                        .main = {.name = text_in(*one, "main"),
                                 .extensions = texts_in(*one, "extensions"),
                                 .language = text_in(*one, "name")}});
  }
  return runtimes;
}

std::string lower(std::string text) {
  std::ranges::transform(
      text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Nothing: the server says that it has none of this name, and which it has.
const RemoteRuntime* find_by_name(const std::vector<RemoteRuntime>& runtimes,
                                  const std::string& name) {
  const std::string wanted = lower(name);
  const auto found = std::ranges::find_if(runtimes, [&](const RemoteRuntime& runtime) {
    return runtime.id == wanted || std::ranges::count(runtime.aliases, wanted) > 0;
  });
  return found == runtimes.end() ? nullptr : &*found;
}

Result<const RemoteRuntime*> find_by_files(const std::vector<RemoteRuntime>& runtimes,
                                           const std::vector<job::SourceFile>& sources) {
  for (const job::SourceFile& source : sources) {
    const std::string extension(runtime::extension_of(source.name));
    const auto found = std::ranges::find_if(runtimes, [&](const RemoteRuntime& runtime) {
      return std::ranges::count(runtime.main.extensions, extension) > 0;
    });
    if (found != runtimes.end()) return &*found;
  }
  const std::string& name = sources.front().name;
  const std::string extension(runtime::extension_of(name));
  return Error{Fault::not_found,
               "'" + base::printable(name) + "' tells no language: " +
                   (extension.empty() ? "it has no extension"
                                      : "no runtime of the server has the extension '" +
                                            base::printable(extension) + "'") +
                   "; name the language",
               0};
}

// Only those that were given: the rest is for the server to say.
Result<json::object> limits_of(const std::vector<std::string>& settings, const char* option) {
  cell::Limits limits;
  RETORT_CHECK(apply_limits(limits, settings, option));
  const api::LimitValues all = api::values_of(limits);
  api::LimitValues given;
  for (const std::string& setting : settings) {
    const auto limit = cell::find_limit(setting.substr(0, setting.find('=')));
    if (!limit) continue;
    if (const auto value = all.get(*limit)) given.set(*limit, *value);
  }
  return api::limits_json(given);
}

// Text, or base64 with its encoding named.
void put_content(json::object& object, std::string_view bytes) {
  if (base::is_utf8(bytes)) {
    object["content"] = json::string_view(bytes.data(), bytes.size());
  } else {
    object["content"] = text::base64(bytes);
    object["encoding"] = "base64";
  }
}

json::array files_json(const std::vector<job::SourceFile>& sources) {
  json::array files;
  for (const job::SourceFile& source : sources) {
    json::object file;
    file["name"] = source.name;
    put_content(file, source.content);
    if (source.executable) file["executable"] = true;
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

bool needs_runtimes(const RunOptions& options) {
  return options.language.empty() || is_folder(options.files.front());
}

Result<json::object> make_remote_request(const RunOptions& options,
                                         std::vector<job::SourceFile> sources,
                                         const json::object* runtimes) {
  json::object request;
  const auto known = runtimes == nullptr ? std::vector<RemoteRuntime>() : read_runtimes(*runtimes);
  const RemoteRuntime* chosen = nullptr;
  if (options.language.empty()) {
    RETORT_TRY(chosen, find_by_files(known, sources));
    request["runtime"] = chosen->id;
  } else {
    RETORT_TRY(const auto language, runtime::parse_language(options.language));
    chosen = find_by_name(known, language.name);
    request["runtime"] = language.name;
    if (!language.version.empty()) request["version"] = language.version;
  }
  if (chosen != nullptr && is_folder(options.files.front()))
    RETORT_CHECK(put_main_first(sources, chosen->main));
  request["files"] = files_json(sources);
  if (!options.args.empty())
    request["args"] = json::array(options.args.begin(), options.args.end());
  RETORT_TRY(json::object run, limits_of(options.limits, "--limit"));
  RETORT_TRY(json::object compile, limits_of(options.compile_limits, "--compile-limit"));
  json::object limits;
  if (!run.empty()) limits["run"] = std::move(run);
  if (!compile.empty()) limits["compile"] = std::move(compile);
  if (!limits.empty()) request["limits"] = std::move(limits);
  if (!options.output_folder.empty()) request["collect"] = json::array{"."};
  return request;
}

}  // namespace retort::cli
