// Settings: any text as the server's file and as its command line; what is accepted is written and
// read again.
#include <algorithm>
#include <utility>

#include "api/setting_keys.h"
#include "api/settings_load.h"
#include "fuzz/fuzz.h"

namespace retort::api {
namespace {

using fuzz::require;

// Root's, who has no folders of his own: nothing of this machine has a say.
SettingSources nobody() {
  SettingSources sources;
  sources.is_root = true;
  return sources;
}

std::vector<SettingKey> keys_of(const Settings& settings) {
  std::vector<SettingKey> keys = setting_keys();
  for (const auto& [id, runtime] : settings.runtimes) {
    for (SettingKey& key : runtime_keys(id)) keys.push_back(std::move(key));
  }
  return keys;
}

bool is_absent(const Settings& settings, const SettingKey& key) {
  // Asking for the field makes a runtime's entry, which is there already.
  auto& readable =
      const_cast<Settings&>(settings);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  const SettingField field = key.field(readable);
  const auto* const limit = std::get_if<LimitField>(&field);
  return limit != nullptr && !limit->values->get(limit->limit);
}

std::string written(const Settings& settings) {
  std::string text;
  std::string table;
  for (const SettingKey& key : keys_of(settings)) {
    if (std::exchange(table, key.table) != key.table) text += "[" + key.table + "]\n";
    if (!is_absent(settings, key)) text += key.name + " = " + value_text(settings, key) + "\n";
  }
  return text;
}

void check_refusal(const base::Error& error) {
  require(error.fault == base::Fault::invalid, "a refusal is of what was given");
  require(!error.what.empty() && fuzz::is_plain(error.what), "faults are fit for a terminal");
}

void check_accepted(Settings settings) {
  require(check_settings(settings).empty(), "what is accepted has no fault");
  require(
      !settings.is_open_to_others() || settings.requires_keys() || settings.server.allow_anonymous,
      "who is open to others has said so or wants keys");
  require(!settings.allows_origin("https://nobody.listed.this") || settings.requires_keys(),
          "not every page may call without a key");
  const std::string text = written(settings);
  const auto again = parse_settings(text, "again.toml", nobody());
  require(again.has_value(), "what is accepted is accepted when it is written");
  require(written(*again) == text, "settings read back as they were");
}

void check_file(std::string_view text) {
  auto settings = parse_settings(text, "fuzz.toml", nobody());
  if (settings) {
    check_accepted(*std::move(settings));
  } else {
    check_refusal(settings.error());
  }
}

// Each line that has one "=": --set KEY=VALUE.
void check_flags(std::string_view text) {
  SettingSources sources = nobody();
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    sources.flags.push_back({.key = std::string(line.substr(0, equals)),
                             .value = std::string(line.substr(equals + 1)),
                             .flag = "--set"});
  }
  auto settings = parse_settings("", "none", sources);
  if (settings) {
    check_accepted(*std::move(settings));
  } else {
    check_refusal(settings.error());
  }
}

}  // namespace
}  // namespace retort::api

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = retort::fuzz::text_of(data, size);
  retort::api::check_file(text);
  retort::api::check_flags(text);
  return 0;
}
