// Request program: runtime, files, words and limits of one program of a request.
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "api/request_limits.h"
#include "api/request_parts.h"
#include "runtime/command.h"
#include "text/encodings.h"
#include "text/nearest.h"

namespace retort::api {

namespace json = text::json;

namespace {

constexpr std::array<std::string_view, 4> kFileFields = {
    "name", "content", "encoding", "executable"};
constexpr std::array<std::string_view, 2> kArchiveFields = {"content", "blob"};
constexpr std::array<std::string_view, 2> kLimitFields = {"compile", "run"};

// What a checker or an interactor finds beside its own files.
constexpr std::array<std::string_view, 3> kGiven = {"input", "output", "answer"};

struct NamedFile {
  std::string_view name;
  std::size_t index;
};

BlobPlace archive_of(Role role) {
  switch (role) {
    case Role::program:
      return BlobPlace::archive;
    case Role::checker:
      return BlobPlace::checker_archive;
    case Role::interactor:
      return BlobPlace::interactor_archive;
  }
  return BlobPlace::archive;
}

const Offer* read_runtime(Reading& reading, const ObjectReader& object, const Path& path) {
  const auto name = object.need_text("runtime");
  const auto version = object.text("version");
  if (!name) return nullptr;
  const auto found = reading.offers.find(*name, version.value_or(""));
  if (found) return *found;
  const NoOffer& refusal = found.error();
  reading.fault(path.at(refusal.is_version ? "version" : "runtime"), refusal.code, refusal.detail);
  return nullptr;
}

bool check_name(Reading& reading, std::string_view name, const Path& path) {
  if (const auto valid = runtime::validate_file_name(name); !valid) {
    reading.fault(path, FaultCode::invalid_value, valid.error().what);
    return false;
  }
  // A separator for some who unpack what comes back.
  if (name.contains('\\')) {
    reading.fault(path,
                  FaultCode::invalid_value,
                  "file name " + shown(name) + " has a backslash; folders are separated by '/'");
    return false;
  }
  return true;
}

std::string folded(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Files that cannot lie beside each other: of one name, also where capitals do not matter, and one
// that another needs as its folder.
void check_neighbours(Reading& reading, const std::vector<NamedFile>& files, const Path& path) {
  if (files.size() < 2) return;
  const auto refuse = [&](const NamedFile& file, std::string detail) {
    const Path entry = path.at(file.index);
    reading.fault(entry.at("name"), FaultCode::duplicate_name, std::move(detail));
  };
  std::map<std::string, NamedFile> by_name;
  for (const NamedFile& file : files) {
    const auto [place, is_new] = by_name.emplace(folded(file.name), file);
    if (is_new) continue;
    const NamedFile& other = place->second;
    if (other.name == file.name) {
      refuse(file, shown(file.name) + " is also the name of file " + std::to_string(other.index));
    } else {
      refuse(file, shown(file.name) + " and " + shown(other.name) + " differ only in capitals");
    }
  }
  for (const auto& [name, file] : by_name) {
    for (std::size_t end = name.find('/'); end != std::string::npos;
         end = name.find('/', end + 1)) {
      const auto other = by_name.find(name.substr(0, end));
      if (other == by_name.end()) continue;
      refuse(file,
             shown(file.name) + " lies in " + shown(other->second.name) + ", which is a file");
      break;
    }
  }
}

void check_given(Reading& reading,
                 const std::vector<NamedFile>& files,
                 Role role,
                 const Path& path) {
  if (role == Role::program) return;
  for (const NamedFile& file : files) {
    const std::string_view first = file.name.substr(0, file.name.find('/'));
    if (std::ranges::find(kGiven, first) == kGiven.end()) continue;
    const Path entry = path.at(file.index);
    reading.fault(entry.at("name"),
                  FaultCode::duplicate_name,
                  shown(first) + " is what the test's own files are named by");
  }
}

void read_file(Reading& reading,
               const json::value& value,
               const Path& path,
               bool is_single,
               const std::string& main,
               job::Program& program) {
  program.files.emplace_back();
  job::SourceFile& file = program.files.back();
  if (!is_object(value, path, reading.faults)) return;
  const ObjectReader object(value.get_object(), path, reading.faults, kFileFields);
  if (!object.has("name") && is_single) {
    file.name = main;
  } else if (const auto name = object.need_text("name")) {
    if (check_name(reading, *name, path.at("name"))) file.name = *name;
  }
  file.executable = object.flag("executable").value_or(false);
  if (object.need("content") == nullptr) return;
  if (auto content = read_content(reading, object, path)) {
    file.content = *std::move(content);
    reading.request.files_bytes += file.content.size();
    reading.hold(file.content.size());
  }
  reading.hold(sizeof(file) + file.name.size());
}

void read_files(Reading& reading,
                const json::array& array,
                const Path& path,
                const std::string& main,
                Role role,
                job::Program& program) {
  const std::size_t most = reading.settings.jobs.most_files;
  const std::size_t room = most - std::min(most, reading.files);
  if (array.size() > room) {
    reading.fault(path,
                  FaultCode::out_of_bounds,
                  "this server takes at most " + std::to_string(most) + " files of one job");
  }
  const std::size_t count = std::min(array.size(), room);
  reading.files += count;
  program.files.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    read_file(reading, array[i], path.at(i), array.size() == 1, main, program);
  }
  std::vector<NamedFile> named;
  named.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& name = program.files[i].name;
    if (!name.empty()) named.push_back({.name = name, .index = i});
  }
  check_neighbours(reading, named, path);
  check_given(reading, named, role, path);
}

std::optional<std::string> decode(Reading& reading, std::string_view content, const Path& path) {
  auto bytes = text::parse_base64(content);
  if (bytes) return *std::move(bytes);
  reading.fault(path, FaultCode::invalid_value, bytes.error().what);
  return std::nullopt;
}

// The bytes of an archive that came in the body; of one that is a blob, none yet.
std::string read_archive(Reading& reading,
                         const json::object& archive,
                         const Path& path,
                         BlobPlace place) {
  const ObjectReader object(archive, path, reading.faults, kArchiveFields);
  if (object.has("content") == object.has("blob")) {
    reading.fault(path,
                  object.has("blob") ? FaultCode::conflict : FaultCode::missing_field,
                  "must have one of content (base64) and blob (a digest)");
    return {};
  }
  if (const auto digest = object.text("blob")) {
    read_blob(reading, *digest, path.at("blob"), {.sha256 = {}, .pointer = {}, .place = place});
  }
  const auto content = object.text("content");
  if (!content) return {};
  auto bytes = decode(reading, *content, path.at("content"));
  if (!bytes) return {};
  reading.request.files_bytes += bytes->size();
  reading.hold(bytes->size());
  return *std::move(bytes);
}

// What the manifest's commands make of these names: a class must be named for its file, a source
// have an extension of the language.
void check_commands(Reading& reading,
                    const job::Program& program,
                    const Path& path,
                    bool has_main) {
  const runtime::Manifest& manifest = *program.runtime;
  const std::string& main = program.main.empty() ? program.files.front().name : program.main;
  runtime::CommandInputs inputs{
      .main_file = main, .files = {}, .extensions = manifest.extensions, .args = {}, .memory = {}};
  for (const job::SourceFile& file : program.files) inputs.files.push_back(file.name);
  const auto expand = [&]() -> base::Status {
    if (manifest.compile) {
      RETORT_CHECK(runtime::expand_command(
          manifest.compile->stage.command, runtime::StageKind::compile, inputs));
    }
    RETORT_CHECK(runtime::expand_command(manifest.run.command, runtime::StageKind::run, inputs));
    return {};
  };
  const base::Status all = expand();
  if (all) return;
  inputs.files = {main};
  const Path files = path.at("files");
  if (expand()) return reading.fault(files, FaultCode::invalid_value, all.error().what);
  if (has_main) return reading.fault(path.at("main"), FaultCode::invalid_value, all.error().what);
  const Path first = files.at(0);
  reading.fault(first.at("name"), FaultCode::invalid_value, all.error().what);
}

void read_main(Reading& reading,
               const ObjectReader& object,
               const Path& path,
               job::Program& program) {
  const auto main = object.text("main");
  if (main && check_name(reading, *main, path.at("main"))) program.main = *main;
}

// Files, archive and main belong together.
void read_sources(Reading& reading,
                  const ObjectReader& object,
                  const Path& path,
                  Role role,
                  job::Program& program) {
  const std::uint64_t before = reading.request.files_bytes;
  read_main(reading, object, path, program);
  std::string main = program.main;
  if (main.empty()) main = program.runtime != nullptr ? program.runtime->main : "main";

  const Path files_path = path.at("files");
  if (const json::array* const files = object.array("files")) {
    read_files(reading, *files, files_path, main, role, program);
    if (files->empty() && !object.has("archive")) {
      reading.fault(files_path, FaultCode::out_of_bounds, "must have at least one file");
    }
  } else if (!object.has("files") && !object.has("archive")) {
    reading.fault(files_path, FaultCode::missing_field, "files or archive must be given");
  }
  if (const json::object* const archive = object.object("archive")) {
    const Path archive_path = path.at("archive");
    if (!reading.offers.can_unpack()) {
      reading.fault(archive_path,
                    FaultCode::archives_unavailable,
                    "this server cannot unpack archives; send files, or ask its operator to "
                    "install libarchive-tools");
    }
    program.archive = job::Input{
        .text = read_archive(reading, *archive, archive_path, archive_of(role)), .file = nullptr};
  }

  const std::uint64_t most = reading.settings.jobs.files_bytes.bytes();
  if (before <= most && reading.request.files_bytes > most) {
    reading.fault(
        program.archive ? path.at("archive") : files_path,
        FaultCode::out_of_bounds,
        "the files of one job have at most " + std::to_string(most) + " bytes here, all together");
  }
}

void check_main(Reading& reading, const Path& path, const job::Program& program) {
  if (program.main.empty() || program.archive || program.files.empty()) return;
  if (std::ranges::count(program.files, program.main, &job::SourceFile::name) != 0) return;
  reading.fault(path.at("main"),
                FaultCode::invalid_value,
                "there is no file " + shown(program.main) + " among files");
}

std::optional<cell::Limits> read_stage_limits(Reading& reading,
                                              const json::object* object,
                                              runtime::StageKind stage,
                                              const Path& path,
                                              const runtime::Manifest* manifest,
                                              base::Duration outlive) {
  const LimitValues asked =
      object == nullptr ? LimitValues{} : read_limits(*object, path, reading.faults);
  if (manifest == nullptr) return std::nullopt;
  LimitLayers layers = reading.settings.limit_layers(stage, *manifest);
  if (reading.key != nullptr) {
    const bool is_run = stage == runtime::StageKind::run;
    layers.bounds.push_back(
        {.owner = "this key", .bounds = is_run ? reading.key->run : reading.key->compile});
  }
  if (outlive > base::Duration{}) {
    layers.defaults.wall_time =
        std::max(layers.defaults.wall_time, outlive + base::Duration(kInteractorMargin));
  }
  return merge_at(layers, asked, path, reading.faults);
}

}  // namespace

bool WordCount::add(Reading& reading, std::string_view word, const Path& path) {
  if (word.contains('\0')) {
    reading.fault(path, FaultCode::invalid_value, "must not hold a NUL byte");
    return false;
  }
  if (word.size() > kLongestWord) {
    reading.fault(path,
                  FaultCode::out_of_bounds,
                  "must be at most " + std::to_string(kLongestWord) + " bytes long");
    return false;
  }
  // What it is to the kernel: the text, its end, a pointer to it.
  bytes_ += word.size() + 1 + sizeof(char*);
  reading.hold(word.size() + sizeof(std::string));
  if (bytes_ <= kMostWordBytes) return true;
  if (!is_over_) {
    reading.fault(path,
                  FaultCode::out_of_bounds,
                  "arguments and variables together are over " + std::to_string(kMostWordBytes) +
                      " bytes, which no program can be given");
  }
  is_over_ = true;
  return false;
}

std::optional<std::string> read_content(Reading& reading,
                                        const ObjectReader& object,
                                        const Path& path) {
  const auto content = object.text("content");
  const auto encoding = object.text("encoding");
  if (!content) return std::nullopt;
  if (!object.has("encoding") || encoding == "utf8") return std::string(*content);
  if (encoding == "base64") return decode(reading, *content, path.at("content"));
  if (encoding) {
    reading.fault(path.at("encoding"),
                  FaultCode::invalid_value,
                  shown(*encoding) + R"( is no encoding; write "utf8" or "base64")");
  }
  return std::nullopt;
}

void read_blob(Reading& reading, std::string_view digest, const Path& path, BlobUse use) {
  constexpr std::size_t kDigits = 64;
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (digest.size() != kDigits || !std::ranges::all_of(digest, is_digit)) {
    reading.fault(
        path, FaultCode::invalid_value, "must be a SHA-256: 64 hexadecimal digits in lower case");
    return;
  }
  use.sha256 = digest;
  use.pointer = path.pointer();
  reading.hold(sizeof(use) + use.sha256.size() + use.pointer.size());
  reading.request.blobs.push_back(std::move(use));
}

std::vector<std::string> read_words(Reading& reading,
                                    const json::array& array,
                                    const Path& path,
                                    WordCount& words) {
  std::vector<std::string> read;
  read.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    const Path place = path.at(i);
    if (!is_text(array[i], place, reading.faults)) continue;
    const std::string_view word = array[i].get_string();
    if (words.add(reading, word, place)) read.emplace_back(word);
  }
  return read;
}

job::Program read_program(
    Reading& reading, const ObjectReader& object, const Path& path, Role role, WordCount& words) {
  const std::size_t faults = reading.faults.count();
  job::Program program;
  const Offer* const offer = read_runtime(reading, object, path);
  if (offer != nullptr) program.runtime = &offer->entry->manifest;
  read_sources(reading, object, path, role, program);
  if (reading.faults.count() == faults) check_main(reading, path, program);
  if (const json::array* const args = object.array("args")) {
    program.args = read_words(reading, *args, path.at("args"), words);
  }
  const bool is_sound = reading.faults.count() == faults && !program.archive;
  if (is_sound) check_commands(reading, program, path, object.has("main"));
  return program;
}

void read_program_limits(Reading& reading,
                         const ObjectReader& object,
                         const Path& path,
                         job::Program& program,
                         base::Duration program_time) {
  const Path limits_path = path.at("limits");
  const json::object* compile = nullptr;
  const json::object* run = nullptr;
  if (const json::object* const limits = object.object("limits")) {
    const ObjectReader stages(*limits, limits_path, reading.faults, kLimitFields);
    compile = stages.object("compile");
    run = stages.object("run");
  }
  const runtime::Manifest* const manifest = program.runtime;
  const auto compile_limits = read_stage_limits(
      reading, compile, runtime::StageKind::compile, limits_path.at("compile"), manifest, {});
  if (compile_limits) program.compile_limits = *compile_limits;
  const auto run_limits = read_stage_limits(
      reading, run, runtime::StageKind::run, limits_path.at("run"), manifest, program_time);
  if (run_limits) program.run_limits = *run_limits;
}

}  // namespace retort::api
