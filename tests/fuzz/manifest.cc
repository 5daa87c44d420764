// Manifest: any text as TOML, asked for everything in it, and as a runtime's manifest.
#include "runtime/manifest.h"

#include <algorithm>
#include <array>

#include "fuzz/fuzz.h"
#include "runtime/command.h"
#include "text/toml.h"

namespace retort::runtime {
namespace {

using fuzz::require;

constexpr int kDeepest = 8;

// Asks for most keys, and for each as everything that it may be.
void walk(text::TomlTable& table, int depth) {
  for (const std::string& key : table.keys()) {
    if (key.size() % 8 == 7) continue;  // nobody asked for it: a fault
    require(table.has(key), "a key that is listed is there");
    (void)table.text(key);
    (void)table.integer(key);
    (void)table.boolean(key);
    (void)table.texts(key);
    if (depth == kDeepest) continue;
    text::TomlTable below = table.table(key);
    walk(below, depth + 1);
    for (text::TomlTable& element : table.tables(key)) walk(element, depth + 1);
  }
}

void check_toml(std::string_view text) {
  auto file = text::TomlFile::parse(text, "fuzz.toml");
  if (!file) {
    require(fuzz::is_plain(file.error().what), "a fault is fit for a terminal");
    return;
  }
  text::TomlTable root = file->root();
  (void)root.required_text("id");
  walk(root, 0);
  const auto finished = file->finish();
  require(finished || fuzz::is_plain(finished.error().what), "faults are fit for a terminal");
}

void check_stage(const StageSpec& stage,
                 StageKind kind,
                 const std::vector<std::string>& artefacts) {
  require(check_command(stage.command, kind, artefacts).empty(), "a command is sound");
  require(cell::validate(stage.limits).has_value(), "limits are within their bounds");
  for (const auto& [name, value] : stage.env) {
    require(!name.empty() && name.find('=') == std::string::npos && !name.starts_with("LD_P"),
            "a variable has a sound name");
    require(value.find('\0') == std::string::npos, "a variable holds no NUL");
  }
}

// The runtime in the repository whose samples are meant, so that a manifest of ours is sound here.
std::string folder_for(std::string_view text) {
  const std::string runtimes = RETORT_SOURCE_DIR "/runtimes/";
  for (const auto* id : {"bash", "c", "cpp", "java", "javascript", "perl", "python"}) {
    if (text.find("id = \"" + std::string(id) + "\"") != std::string_view::npos)
      return runtimes + id;
  }
  return "/nowhere/zed";
}

void check_manifest(std::string_view text) {
  const auto manifest = parse_manifest(text, folder_for(text));
  if (!manifest) {
    require(fuzz::is_plain(manifest.error().what), "faults are fit for a terminal");
    return;
  }
  require(manifest->folder.ends_with("/" + manifest->id), "a manifest is in the folder of its id");
  require(validate_file_name(manifest->main).has_value(), "the main file has a sound name");
  std::vector<std::string> artefacts;
  if (manifest->compile) {
    artefacts = manifest->compile->artefacts;
    check_stage(manifest->compile->stage, StageKind::compile, {});
  }
  for (const std::string& name : artefacts)
    require(validate_file_name(name).has_value(), "an artefact has a sound name");
  check_stage(manifest->run, StageKind::run, artefacts);
  for (const Sample& sample : manifest->samples) {
    for (const std::string& file : sample.files)
      require(submitted_name(sample, file).has_value(), "a sample's file has a name to go under");
  }
  // It can be run: nothing but {stem} and {sources} is the submission's fault.
  const std::string main = "Main." + manifest->extensions.front();
  const CommandInputs inputs{.main_file = main,
                             .files = {main},
                             .extensions = manifest->extensions,
                             .args = {},
                             .memory = manifest->run.limits.memory};
  require(expand_command(manifest->run.command, StageKind::run, inputs).has_value(),
          "a program of the language can be run");
}

}  // namespace
}  // namespace retort::runtime

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = retort::fuzz::text_of(data, size);
  retort::runtime::check_toml(text);
  retort::runtime::check_manifest(text);
  return 0;
}
