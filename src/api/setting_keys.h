// Setting keys: the one table of the server's keys, from which parsing, checking, `retort config`,
// --help and the reference page are made.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/settings.h"

namespace retort::api {

// One limit in a LimitValues.
struct LimitField {
  LimitValues* values;
  Limit limit;
};

// Where a key's value lies; its type is the key's type.
using SettingField = std::variant<bool*,
                                  std::uint64_t*,
                                  Duration*,
                                  ByteSize*,
                                  std::string*,
                                  std::vector<std::string>*,
                                  std::optional<bool>*,
                                  std::optional<std::uint64_t>*,
                                  std::optional<Duration>*,
                                  std::optional<ByteSize>*,
                                  LimitField>;

struct SettingKey {
  std::string table;  // "limits.run.largest"
  std::string name;   // "memory"
  std::function<SettingField(Settings&)> field;
  std::string_view smallest;  // of numbers, as they are written
  std::string_view largest;
  std::string_view word;                  // what stands for no value: "auto", "none"
  std::vector<std::string_view> choices;  // when only these texts are allowed
  std::string_view meaning;               // one line
  bool reloads = false;                   // does SIGHUP change it?

  [[nodiscard]] std::string dotted() const { return table + "." + name; }
  [[nodiscard]] std::string variable() const;  // RETORT_LIMITS_RUN_LARGEST_MEMORY
};

// Every key but those of [runtimes.ID], grouped by table.
const std::vector<SettingKey>& setting_keys();
// Those of [runtimes.ID] for one id; asking for a key's field makes the runtime's entry.
std::vector<SettingKey> runtime_keys(const std::string& id);
// What a table is for, one line; "" when it is not one.
std::string_view table_meaning(std::string_view table);

// "whole number", "duration", "size", "true or false", "text", "list of text", and so on.
std::string type_name(const SettingKey& key);
// Is it written without quotes in TOML?
bool is_plain_count(const SettingKey& key);

// Sets the value from text as the environment and flags give it; lists are separated by commas.
// Fault::invalid says what is wrong, without the key's name.
Status set_from_text(Settings& settings, const SettingKey& key, std::string_view text);

// The value as TOML, which is also JSON: "2s" in quotes, 10, true, ["a", "b"].
std::string value_text(const Settings& settings, const SettingKey& key);

// Copies one key's value and source.
void copy_value(Settings& to, const Settings& from, const SettingKey& key);

// Keys of a reload that only a restart changes, with the values of `running` put back into `fresh`.
std::vector<std::string> keep_until_restart(const Settings& running, Settings& fresh);

}  // namespace retort::api
