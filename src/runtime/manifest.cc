// Manifest: runtime.toml to the struct, with every fault of the file.
#include "runtime/manifest.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "cell/filter.h"
#include "cell/verdict.h"
#include "runtime/command.h"
#include "text/nearest.h"
#include "text/toml.h"

namespace retort::runtime {

using base::Result;
using base::Status;
using text::TomlFile;
using text::TomlTable;

namespace {

const std::vector<std::string>& statuses() {
  static const std::vector<std::string> kAll(cell::outcome_names().begin(),
                                             cell::outcome_names().end());
  return kAll;
}

// Variables by which the dynamic linker runs code that the manifest's command does not name.
constexpr std::array<std::string_view, 3> kRefusedVariables = {
    "LD_AUDIT", "LD_LIBRARY_PATH", "LD_PRELOAD"};

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Does `text` begin with one of `first` and hold beyond that only what `rest` accepts?
bool is_word(std::string_view text,
             const std::function<bool(char)>& first,
             const std::function<bool(char)>& rest) {
  return !text.empty() && text.size() <= 64 && first(text.front()) &&
         std::ranges::all_of(text.substr(1), rest);
}

bool is_id(std::string_view text) {
  return is_word(text, is_lower, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_alias(std::string_view text) {
  const auto first = [](char c) { return is_lower(c) || is_digit(c); };
  return is_word(text, first, [&](char c) {
    return first(c) || std::string_view("+#._-").find(c) != std::string_view::npos;
  });
}

bool is_extension(std::string_view text) {
  const auto any = [](char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '+' || c == '-' || c == '_';
  };
  return is_word(text, any, any);
}

// Debian Policy 5.6.7.
bool is_package(std::string_view text) {
  const auto first = [](char c) { return is_lower(c) || is_digit(c); };
  return text.size() >= 2 &&
         is_word(text, first, [&](char c) { return first(c) || c == '+' || c == '-' || c == '.'; });
}

bool is_variable(std::string_view text) {
  const auto first = [](char c) { return is_upper(c) || c == '_'; };
  return is_word(text, first, [&](char c) { return first(c) || is_digit(c); });
}

bool is_absolute_path(std::string_view text) {
  return text.starts_with('/') && validate_file_name(text.substr(1)).has_value();
}

// One value of an array: what it must be, when it is not.
using ElementRule = std::function<bool(std::string_view)>;

void check_elements(TomlTable& table,
                    std::string_view key,
                    const std::vector<std::string>& values,
                    const ElementRule& is_sound,
                    std::string_view wanted) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string shown = "'" + base::printable(values[i]) + "'";
    if (!is_sound(values[i])) {
      table.fault(key, shown + " is no " + std::string(wanted), i);
    } else if (!seen.insert(values[i]).second) {
      table.fault(key, shown + " is given twice", i);
    }
  }
}

std::vector<std::string> required_list(TomlTable& table, std::string_view key) {
  auto given = table.texts(key);
  if (!table.has(key)) {
    table.fault(key, "is required and missing");
  } else if (given && given->empty()) {
    table.fault(key, "must not be empty");
  }
  return std::move(given).value_or(std::vector<std::string>{});
}

void check_plain_text(TomlTable& table, std::string_view key, std::string_view value) {
  if (base::printable(value) != value) {
    table.fault(key, "must be one line of printable text without backslashes");
  }
}

void read_command(TomlTable& table,
                  std::string_view key,
                  StageKind kind,
                  const std::vector<std::string>& artefacts,
                  std::vector<std::string>& command) {
  const auto given = table.texts(key);
  if (!table.exists()) return;
  if (!table.has(key)) table.fault(key, "is required and missing");
  if (!given) return;
  command = *given;
  for (const CommandFault& fault : check_command(command, kind, artefacts)) {
    if (command.empty()) {
      table.fault(key, fault.what);
    } else {
      table.fault(key, fault.what, fault.element);
    }
  }
}

void read_env(TomlTable& table, std::map<std::string, std::string>& env) {
  TomlTable variables = table.table("env");
  for (const std::string& name : variables.keys()) {
    const std::string value = variables.text(name).value_or("");
    if (!is_variable(name)) {
      variables.fault(name, "a variable's name must be of A-Z, 0-9 and _, and begin with no digit");
    } else if (std::ranges::find(kRefusedVariables, name) != kRefusedVariables.end()) {
      variables.fault(name, "is refused: it would load code that the command does not name");
    }
    if (value.find_first_of(std::string_view("\n\0", 2)) != std::string::npos) {
      variables.fault(name, "a variable's value may hold no newline or NUL");
    }
    env.emplace(name, value);
  }
}

void read_limits(TomlTable& toml, StageSpec& stage) {
  TomlTable table = toml.table("limits");
  cell::Limits& limits = stage.limits;
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    // A limit whose name in JSON needs no unit is a count, or the network.
    const bool is_count = info.json == info.name && info.limit != cell::Limit::network;
    std::optional<std::string> value;
    if (is_count) {
      if (const auto count = table.integer(info.name, "a whole number without quotes")) {
        value = std::to_string(*count);
      }
    } else if (info.limit == cell::Limit::network) {
      value = table.text(info.name);
    } else {
      value = table.text(
          info.name,
          "text with a unit, for example \"" + cell::limit_text(limits, info.limit) + "\"");
    }
    if (!value) continue;
    const Status status = cell::set_limit(limits, info.name, *value);
    if (status) {
      stage.own_limits |= 1U << static_cast<unsigned>(info.limit);
      continue;
    }
    const std::string shown = base::printable(status.error().what);
    std::string_view what = shown;
    // The fault's dotted key says the name already.
    const std::string prefix = std::string(info.name) + ": ";
    if (what.starts_with(prefix)) what.remove_prefix(prefix.size());
    table.fault(info.name, what);
  }
}

void read_add_ons(TomlTable& stage, std::uint32_t& add_ons) {
  std::vector<std::string> known;
  for (const cell::AddOnInfo& info : cell::kAddOns) known.emplace_back(info.name);
  const auto given = stage.texts("add_ons").value_or(std::vector<std::string>{});
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string shown = "'" + base::printable(given[i]) + "'";
    const auto* const info = std::ranges::find(cell::kAddOns, given[i], &cell::AddOnInfo::name);
    if (info == cell::kAddOns.end()) {
      stage.fault("add_ons", shown + " is no add-on" + text::suggestion(given[i], known), i);
    } else if ((add_ons & info->add_on) != 0) {
      stage.fault("add_ons", shown + " is given twice", i);
    } else {
      add_ons |= info->add_on;
    }
  }
}

void read_compile(TomlTable& root, Manifest& manifest) {
  TomlTable table = root.table("compile");
  if (!table.exists()) return;
  Compile compile;
  compile.stage.limits = cell::compile_defaults();
  compile.artefacts = required_list(table, "artefacts");
  check_elements(
      table,
      "artefacts",
      compile.artefacts,
      [](std::string_view name) { return validate_file_name(name).has_value(); },
      "relative path inside the working directory");
  read_command(table, "command", StageKind::compile, {}, compile.stage.command);
  read_env(table, compile.stage.env);
  read_limits(table, compile.stage);
  read_add_ons(table, compile.stage.add_ons);
  manifest.compile = std::move(compile);
}

void read_run(TomlTable& root, Manifest& manifest) {
  TomlTable table = root.table("run");
  if (!table.exists()) {
    if (!root.has("run")) root.fault("run", "is required and missing");
    return;
  }
  const std::vector<std::string> artefacts =
      manifest.compile ? manifest.compile->artefacts : std::vector<std::string>{};
  read_command(table, "command", StageKind::run, artefacts, manifest.run.command);
  read_env(table, manifest.run.env);
  read_limits(table, manifest.run);
  read_add_ons(table, manifest.run.add_ons);
}

void check_sample_files(TomlTable& table, const Manifest& manifest, const Sample& sample) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < sample.files.size(); ++i) {
    const std::string& file = sample.files[i];
    if (const Status status = validate_file_name(file); !status) {
      table.fault("files", status.error().what, i);
      continue;
    }
    struct stat info{};
    const std::string path = manifest.folder + "/" + file;
    if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
      table.fault("files", "'" + base::printable(file) + "' is no file beside runtime.toml", i);
    }
    const auto name = submitted_name(sample, file);
    if (!name) {
      table.fault("files", name.error().what, i);
    } else if (!names.insert(*name).second) {
      table.fault("files", "'" + base::printable(file) + "' is given twice", i);
    }
  }
}

void check_sample_end(TomlTable& table, const Sample& sample) {
  if (std::ranges::find(statuses(), sample.status) == statuses().end()) {
    table.fault("status",
                "'" + base::printable(sample.status) + "' is no status" +
                    text::suggestion(sample.status, statuses()));
    return;
  }
  if (!sample.exit_code) return;
  if (*sample.exit_code < 0 || *sample.exit_code > 255) {
    table.fault("exit_code", "must be from 0 to 255");
  } else if ((sample.status == "ok" && *sample.exit_code != 0) ||
             (sample.status == "nonzero_exit" && *sample.exit_code == 0)) {
    table.fault("exit_code",
                std::to_string(*sample.exit_code) + " contradicts status '" + sample.status + "'");
  }
}

void read_samples(TomlTable& root, Manifest& manifest) {
  std::set<std::string> names;
  for (TomlTable& table : root.tables("sample")) {
    Sample sample;
    sample.name = table.required_text("name");
    check_plain_text(table, "name", sample.name);
    if (!names.insert(sample.name).second) {
      table.fault("name", "another sample has the name '" + base::printable(sample.name) + "'");
    }
    sample.files = required_list(table, "files");
    check_sample_files(table, manifest, sample);
    sample.args = table.texts("args").value_or(std::vector<std::string>{});
    for (std::size_t i = 0; i < sample.args.size(); ++i) {
      if (sample.args[i].find('\0') != std::string::npos) {
        table.fault("args", "holds a NUL byte", i);
      }
    }
    sample.stdin_text = table.text("stdin").value_or("");
    sample.stdout_text = table.text("stdout").value_or("");
    sample.status = table.text("status").value_or("ok");
    if (const auto code = table.integer("exit_code")) {
      sample.exit_code = static_cast<int>(std::clamp<std::int64_t>(*code, -1, 256));
    }
    check_sample_end(table, sample);
    manifest.samples.push_back(std::move(sample));
  }
}

void read_identity(TomlTable& root, Manifest& manifest) {
  manifest.id = root.required_text("id");
  const std::string folder_name = manifest.folder.substr(manifest.folder.rfind('/') + 1);
  if (!manifest.id.empty() && !is_id(manifest.id)) {
    root.fault("id", "must be of a-z, 0-9 and -, and begin with a letter");
  } else if (!manifest.id.empty() && manifest.id != folder_name) {
    root.fault("id",
               "'" + manifest.id + "' is not the name of the folder, '" +
                   base::printable(folder_name) + "'");
  }
  manifest.name = root.required_text("name");
  check_plain_text(root, "name", manifest.name);
  manifest.aliases = root.texts("aliases").value_or(std::vector<std::string>{});
  check_elements(
      root,
      "aliases",
      manifest.aliases,
      [&](std::string_view alias) { return is_alias(alias) && alias != manifest.id; },
      "alias: it must be of a-z, 0-9 and + # . _ -, and not the id");
  manifest.extensions = required_list(root, "extensions");
  check_elements(root,
                 "extensions",
                 manifest.extensions,
                 is_extension,
                 "extension: write it without a dot, of letters, digits and + - _");
}

void read_toolchain(TomlTable& root, Manifest& manifest) {
  manifest.image = root.text("image").value_or("host");
  if (manifest.image != "host") {
    root.fault("image",
               "'" + base::printable(manifest.image) + "' is no image; the only one is 'host'");
  }
  manifest.needs = required_list(root, "needs");
  check_elements(
      root, "needs", manifest.needs, is_absolute_path, "absolute path without '.' and '..'");
  manifest.packages = root.texts("packages").value_or(std::vector<std::string>{});
  check_elements(root, "packages", manifest.packages, is_package, "name of a Debian package");

  // The version command runs before there is a job, so there is nothing to put in a placeholder.
  read_command(root, "version_command", StageKind::compile, {}, manifest.version_command);
  for (std::size_t i = 0; i < manifest.version_command.size(); ++i) {
    if (manifest.version_command[i].find_first_of("{}") != std::string::npos) {
      root.fault("version_command", "takes no placeholder", i);
    }
  }
}

void read_main(TomlTable& root, Manifest& manifest) {
  manifest.main = root.required_text("main");
  if (manifest.main.empty()) return;
  if (const Status status = validate_file_name(manifest.main); !status) {
    root.fault("main", status.error().what);
  } else if (!manifest.extensions.empty() &&
             std::ranges::find(manifest.extensions, extension_of(manifest.main)) ==
                 manifest.extensions.end()) {
    root.fault("main",
               "'" + base::printable(manifest.main) + "' has none of the runtime's extensions");
  }
}

std::string without_last_slash(std::string folder) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return folder;
}

Result<Manifest> read_manifest(TomlFile file, const std::string& folder) {
  Manifest manifest;
  manifest.folder = folder;
  TomlTable root = file.root();
  read_identity(root, manifest);
  read_toolchain(root, manifest);
  read_main(root, manifest);
  read_compile(root, manifest);
  read_run(root, manifest);
  read_samples(root, manifest);
  RETORT_CHECK(file.finish());
  return manifest;
}

}  // namespace

Result<Manifest> load_manifest(const std::string& folder) {
  const std::string plain = without_last_slash(folder);
  RETORT_TRY(TomlFile file, TomlFile::load(plain + "/runtime.toml"));
  return read_manifest(std::move(file), plain);
}

Result<Manifest> parse_manifest(std::string_view text, const std::string& folder) {
  const std::string plain = without_last_slash(folder);
  RETORT_TRY(TomlFile file, TomlFile::parse(text, plain + "/runtime.toml"));
  return read_manifest(std::move(file), plain);
}

}  // namespace retort::runtime
