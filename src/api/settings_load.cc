// Loading settings: each source in turn through the table of keys.
#include "api/settings_load.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "api/setting_keys.h"
#include "base/bytes.h"
#include "text/nearest.h"
#include "text/toml.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): environ(7) wants it

namespace retort::api {
namespace {

using text::TomlFile;
using text::TomlTable;

constexpr std::string_view kSystemFile = "/etc/retort/retort.toml";

std::string home_folder(const SettingSources& sources,
                        const std::string& variable,
                        std::string_view below_home) {
  const auto get = [&](const std::string& name) {
    const auto found = sources.environment.find(name);
    // A relative path is to be ignored, says the XDG Base Directory Specification.
    const bool is_usable = found != sources.environment.end() && found->second.starts_with('/');
    return is_usable ? found->second : std::string();
  };
  if (const std::string chosen = get(variable); !chosen.empty()) return chosen + "/retort";
  if (const std::string home = get("HOME"); !home.empty())
    return home + "/" + std::string(below_home) + "/retort";
  return {};
}

class Loader {
 public:
  explicit Loader(const SettingSources& sources) : sources_(sources) {
    settings_.server.state = default_state(sources);
  }

  void read_file(Result<TomlFile> file, const std::string& name) {
    if (!file) {
      faults_.push_back(file.error().what);
      return;
    }
    settings_.file = name;
    TomlTable root = file->root();
    read_tables(root, name);
    if (const Status finished = file->finish(); !finished) faults_.push_back(finished.error().what);
  }

  void read_environment() {
    std::vector<std::string> known;
    std::set<std::string> prefixes;  // RETORT_QUEUE_
    for (const SettingKey& key : setting_keys()) {
      known.push_back(key.variable());
      prefixes.insert(known.back().substr(0, known.back().find('_', 7) + 1));
    }
    for (const auto& [name, value] : sources_.environment) {
      if (!name.starts_with("RETORT_")) continue;
      const auto place = std::ranges::find(known, name);
      if (place != known.end()) {
        set(setting_keys()[static_cast<std::size_t>(place - known.begin())],
            value,
            "environment " + name,
            "environment " + name);
      } else if (std::ranges::any_of(
                     prefixes, [&](const auto& prefix) { return name.starts_with(prefix); })) {
        const auto near = text::nearest(name, known);
        faults_.push_back("environment " + base::printable(name) + ": unknown setting" +
                          (near ? "; did you mean '" + *near + "'?" : std::string()));
      }
    }
  }

  void read_flags() {
    std::set<std::string> begun;  // lists that a flag has replaced
    for (const SettingFlag& flag : sources_.flags) {
      const auto key = find(flag.key);
      if (!key) {
        faults_.push_back(flag.flag + ": unknown setting '" + base::printable(flag.key) + "'" +
                          nearest_key(flag.key));
        continue;
      }
      std::string value = flag.value;
      const auto field = key->field(settings_);
      if (const auto* list = std::get_if<std::vector<std::string>*>(&field)) {
        if (!begun.insert(flag.key).second) value = joined(**list) + "," + value;
      }
      set(*key, value, flag.flag, flag.flag + ": " + flag.key);
    }
  }

  Result<Settings> finish() {
    for (std::string& fault : check_settings(settings_)) faults_.push_back(std::move(fault));
    if (faults_.empty()) return std::move(settings_);
    std::string all;
    for (const std::string& fault : faults_) all.append(all.empty() ? "" : "\n").append(fault);
    return Error{Fault::invalid, std::move(all), 0};
  }

 private:
  void set(const SettingKey& key,
           std::string_view value,
           const std::string& source,
           const std::string& place) {
    if (const Status status = set_from_text(settings_, key, value); !status) {
      faults_.push_back(place + ": " + base::printable(status.error().what));
      return;
    }
    settings_.sources[key.dotted()] = source;
  }

  void read_tables(TomlTable& root, const std::string& file) {
    std::map<std::string, TomlTable> tables;  // by dotted name
    for (const SettingKey& key : setting_keys()) {
      read_key(table_of(root, key.table, tables), key, file);
    }
    TomlTable runtimes = root.table("runtimes");
    for (const std::string& id : runtimes.keys()) {
      if (!is_id(id)) {
        runtimes.fault(id, "is no runtime's id: a-z, 0-9 and -, a letter first");
        continue;
      }
      std::map<std::string, TomlTable> below;
      for (const SettingKey& key : runtime_keys(id)) {
        read_key(table_of(root, key.table, below), key, file);
      }
    }
  }

  // The id becomes part of keys and of messages.
  static bool is_id(std::string_view id) {
    return !id.empty() && id.size() <= 64 && id.front() >= 'a' && id.front() <= 'z' &&
           std::ranges::all_of(id, [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
  }

  static TomlTable& table_of(TomlTable& root,
                             const std::string& dotted,
                             std::map<std::string, TomlTable>& tables) {
    if (const auto found = tables.find(dotted); found != tables.end()) return found->second;
    const std::size_t dot = dotted.rfind('.');
    TomlTable table =
        dot == std::string::npos
            ? root.table(dotted)
            : table_of(root, dotted.substr(0, dot), tables).table(dotted.substr(dot + 1));
    return tables.emplace(dotted, std::move(table)).first->second;
  }

  void read_key(TomlTable& table, const SettingKey& key, const std::string& file) {
    // Asking for the field of [runtimes.ID] would make an entry that the file does not have.
    if (!table.has(key.name)) {
      (void)table.integer(key.name);  // known all the same
      return;
    }
    const auto field = key.field(settings_);
    if (const auto* list = std::get_if<std::vector<std::string>*>(&field)) {
      auto elements = table.texts(key.name);
      if (!elements) return;
      for (std::size_t i = 0; i < elements->size(); ++i) {
        const std::string& element = (*elements)[i];
        if (element.empty() || element.contains(',') || base::printable(element) != element) {
          table.fault(key.name, "must be text without comma, backslash or control character", i);
          return;
        }
      }
      **list = *std::move(elements);
    } else if (const auto text = text_of(table, key, field)) {
      const Status status = set_from_text(settings_, key, *text);
      if (!status) {
        table.fault(key.name, without_name(base::printable(status.error().what), key.name));
        return;
      }
    } else {
      return;
    }
    settings_.sources[key.dotted()] = file + ":" + std::to_string(table.line(key.name));
  }

  // The limits' messages begin with the name, which the fault's dotted key says already.
  static std::string without_name(const std::string& what, const std::string& name) {
    return what.starts_with(name + ": ") ? what.substr(name.size() + 2) : what;
  }

  // A scalar as set_from_text takes it, when its TOML type is the key's.
  static std::optional<std::string> text_of(TomlTable& table,
                                            const SettingKey& key,
                                            const SettingField& field) {
    const bool is_boolean =
        std::holds_alternative<bool*>(field) || std::holds_alternative<std::optional<bool>*>(field);
    const bool is_number = is_plain_count(key);
    std::string wanted = is_boolean  ? "true or false"
                         : is_number ? "a whole number without quotes"
                                     : "text";
    if (type_name(key).starts_with("duration")) wanted += " with a unit, for example \"1.5s\"";
    if (type_name(key).starts_with("size")) wanted += " with a unit, for example \"64MiB\"";
    if (!key.word.empty() && (is_boolean || is_number))
      wanted += ", or \"" + std::string(key.word) + "\"";
    const auto value = table.scalar(key.name, wanted);
    if (!value) return std::nullopt;
    if (const auto* text = std::get_if<std::string>(&*value)) {
      if ((!is_boolean && !is_number) || (!key.word.empty() && *text == key.word)) return *text;
    } else if (const auto* number = std::get_if<std::int64_t>(&*value)) {
      if (is_number) return std::to_string(*number);
    } else if (is_boolean) {
      return std::get<bool>(*value) ? "true" : "false";
    }
    constexpr std::array<std::string_view, 3> kTypes = {"text", "an integer", "a boolean"};
    table.fault(key.name, "must be " + wanted + ", not " + std::string(kTypes.at(value->index())));
    return std::nullopt;
  }

  static std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text.append(text.empty() ? "" : ",").append(word);
    return text;
  }

  static std::optional<SettingKey> find(const std::string& dotted) {
    const auto in = [&](const std::vector<SettingKey>& keys) -> std::optional<SettingKey> {
      const auto found = std::ranges::find(keys, dotted, &SettingKey::dotted);
      if (found == keys.end()) return std::nullopt;
      return *found;
    };
    if (auto found = in(setting_keys())) return found;
    constexpr std::string_view kRuntimes = "runtimes.";
    if (!dotted.starts_with(kRuntimes)) return std::nullopt;
    const std::string rest = dotted.substr(kRuntimes.size());
    const std::string id = rest.substr(0, rest.find('.'));
    if (!is_id(id)) return std::nullopt;
    return in(runtime_keys(id));
  }

  static std::string nearest_key(const std::string& dotted) {
    std::vector<std::string> known;
    for (const SettingKey& key : setting_keys()) known.push_back(key.dotted());
    const auto near = text::nearest(dotted, known);
    return near ? "; did you mean '" + *near + "'?" : "; retort config show lists them";
  }

  const SettingSources& sources_;
  Settings settings_;
  std::vector<std::string> faults_;
};

}  // namespace

SettingSources sources_of_process() {
  SettingSources sources;
  sources.is_root = ::geteuid() == 0;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return sources;
}

std::string default_config_file(const SettingSources& sources) {
  const auto is_there = [](const std::string& path) { return ::access(path.c_str(), F_OK) == 0; };
  // Root's settings are not led astray by a variable that sudo let through.
  if (!sources.is_root) {
    const std::string folder = home_folder(sources, "XDG_CONFIG_HOME", ".config");
    const std::string own = folder + "/retort.toml";
    if (!folder.empty() && is_there(own)) return own;
  }
  const std::string for_all(kSystemFile);
  return is_there(for_all) ? for_all : std::string();
}

std::string default_state(const SettingSources& sources) {
  if (!sources.is_root) {
    const std::string own = home_folder(sources, "XDG_STATE_HOME", ".local/state");
    if (!own.empty()) return own;
  }
  return "/var/lib/retort";
}

Result<Settings> load_settings(const SettingSources& sources) {
  Loader loader(sources);
  const std::string path = sources.config.empty() ? default_config_file(sources) : sources.config;
  if (!path.empty()) loader.read_file(TomlFile::load(path), path);
  loader.read_environment();
  loader.read_flags();
  return loader.finish();
}

Result<Settings> parse_settings(std::string_view toml,
                                const std::string& name,
                                const SettingSources& sources) {
  Loader loader(sources);
  loader.read_file(TomlFile::parse(toml, name), name);
  loader.read_environment();
  loader.read_flags();
  return loader.finish();
}

}  // namespace retort::api
