// Settings page: the table of keys as Markdown, as an example file, as help, with values.
#include "api/settings_page.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/setting_keys.h"
#include "text/json.h"

namespace retort::api {
namespace {

namespace json = text::json;

constexpr std::string_view kStatePlaceholder = "/var/lib/retort";

bool is_limit(const SettingKey& key) {
  return key.table.starts_with("limits.");
}

// The stack has no default of its own: it follows memory.
bool is_without_value(const SettingKey& key, const std::string& value) {
  return value == "\"\"" && is_limit(key);
}

Settings documented_defaults() {
  Settings settings;
  settings.server.state = kStatePlaceholder;
  return settings;
}

std::string bounds_text(const SettingKey& key) {
  if (key.smallest.empty()) return {};
  return std::string(key.smallest) + " to " + std::string(key.largest);
}

std::string default_text(const SettingKey& key, const Settings& defaults) {
  std::string text = "`" + value_text(defaults, key) + "`";
  if (key.dotted() == "server.state") {
    text += "; for others than root `$XDG_STATE_HOME/retort`, or `~/.local/state/retort`";
  }
  return text;
}

std::string limit_cell(const std::string& table,
                       const cell::LimitInfo& info,
                       const Settings& defaults) {
  for (const SettingKey& key : setting_keys()) {
    if (key.table != table || key.name != info.name) continue;
    const std::string value = value_text(defaults, key);
    return is_without_value(key, value) ? "as `memory`" : "`" + value + "`";
  }
  return {};
}

std::string limits_reference(const std::string& stage, const Settings& defaults) {
  const std::string table = "limits." + stage;
  std::string text = "## `[" + table + ".smallest]`, `[" + table + ".default]`, `[" + table +
                     ".largest]`\n\nThe least and the most that a request may ask for in the " +
                     stage +
                     " stage, and what it gets when neither it nor the runtime's manifest says. "
                     "A reload changes them.\n\n"
                     "| key | smallest | default | largest | meaning |\n|---|---|---|---|---|\n";
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    text.append("| `").append(info.name).append("` ");
    for (const char* const column : {".smallest", ".default", ".largest"}) {
      text.append("| ").append(limit_cell(table + column, info, defaults)).append(" ");
    }
    text.append("| ").append(info.meaning).append(" |\n");
  }
  return text;
}

std::string escaped(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return text;
}

// All keys that `settings` has, those of the runtimes it names last; of these only what is set.
std::vector<SettingKey> keys_of(const Settings& settings) {
  std::vector<SettingKey> keys = setting_keys();
  for (const auto& [id, runtime] : settings.runtimes) {
    for (SettingKey& key : runtime_keys(id)) {
      if (settings.sources.contains(key.dotted())) keys.push_back(std::move(key));
    }
  }
  return keys;
}

}  // namespace

std::string settings_reference() {
  const Settings defaults = documented_defaults();
  std::string text;
  std::string table;
  for (const SettingKey& key : setting_keys()) {
    const bool is_new = table != key.table;
    table = key.table;
    if (is_limit(key)) {
      if (!is_new || !table.ends_with(".smallest")) continue;
      text.append("\n").append(
          limits_reference(table == "limits.run.smallest" ? "run" : "compile", defaults));
      continue;
    }
    if (is_new) {
      text.append(text.empty() ? "" : "\n").append("## `[").append(table).append("]`\n\n");
      text.append(table_meaning(table)).append("\n\n");
      text += "| key | type | default | bounds | reload | meaning |\n|---|---|---|---|---|---|\n";
    }
    text.append("| `").append(key.name).append("` | ").append(type_name(key)).append(" | ");
    text.append(default_text(key, defaults)).append(" | ").append(bounds_text(key)).append(" | ");
    text.append(key.reloads ? "yes" : "no").append(" | ");
    text.append(escaped(std::string(key.meaning))).append(" |\n");
  }
  return text;
}

std::string settings_example() {
  const Settings defaults = documented_defaults();
  std::string text =
      "# Settings of `retort serve`, each at its default. `retort config check` reads the file as "
      "the server\n# does; docs/reference/configuration.md has the bounds of each key.\n";
  std::string table;
  for (const SettingKey& key : setting_keys()) {
    if (table != key.table) {
      table = key.table;
      text.append("\n# ").append(table_meaning(table)).append("\n[").append(table).append("]\n");
    }
    const std::string value = value_text(defaults, key);
    if (is_without_value(key, value)) {
      text.append("# ").append(key.name).append(" follows memory unless it is set\n");
      continue;
    }
    if (!is_limit(key)) text.append("# ").append(key.meaning).append("\n");
    text.append("# ").append(key.name).append(" = ").append(value).append("\n");
  }
  text +=
      "\n# One runtime: [runtimes.ID.STAGE.smallest], .default and .largest go over the tables "
      "above.\n"
      "# [runtimes.java]\n"
      "# enabled = true\n"
      "# [runtimes.java.run.default]\n"
      "# memory = \"1GiB\"\n";
  return text;
}

std::string settings_help() {
  const Settings defaults = documented_defaults();
  std::string text;
  for (const SettingKey& key : setting_keys()) {
    if (is_limit(key)) {
      if (key.table.ends_with(".smallest") && key.name == "cpu_time") {
        const std::string stage = key.table.substr(0, key.table.rfind('.'));
        text +=
            "  " + stage + ".smallest, .default, .largest .LIMIT: a limit's bounds and default\n";
      }
      continue;
    }
    std::string row = "  " + key.dotted() + " = " + value_text(defaults, key);
    row.resize(std::max<std::size_t>(row.size() + 2, 44), ' ');
    text.append(row).append(key.meaning).append("\n");
  }
  return text + "  runtimes.ID.enabled, runtimes.ID.STAGE.smallest, .default, .largest .LIMIT\n";
}

std::string settings_text(const Settings& settings) {
  std::string text;
  for (const SettingKey& key : keys_of(settings)) {
    const std::string value = value_text(settings, key);
    const bool is_empty = is_without_value(key, value);
    std::string row =
        is_empty ? "# " + key.dotted() + " follows memory" : key.dotted() + " = " + value;
    row.resize(std::max<std::size_t>(row.size() + 1, 56), ' ');
    text.append(row).append("# ").append(settings.source_of(key.dotted())).append("\n");
  }
  return text;
}

std::string settings_json(const Settings& settings) {
  json::array list;
  for (const SettingKey& key : keys_of(settings)) {
    const std::string text = value_text(settings, key);
    json::value value;  // null: it follows another
    if (!is_without_value(key, text)) {
      if (auto parsed = text::parse_json(text)) value = *std::move(parsed);
    }
    list.emplace_back(json::object{{"key", key.dotted()},
                                   {"value", std::move(value)},
                                   {"source", settings.source_of(key.dotted())}});
  }
  return text::pretty(list);
}

}  // namespace retort::api
