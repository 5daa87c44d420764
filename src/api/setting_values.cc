// Setting values: of the keys' types, to and from text.
#include <algorithm>
#include <utility>

#include "api/setting_keys.h"
#include "base/bytes.h"
#include "text/json.h"

namespace retort::api {
namespace {

Error invalid(std::string what) {
  return Error{Fault::invalid, std::move(what), 0};
}

std::string range_text(const SettingKey& key) {
  return "must be " + std::string(key.smallest) + " to " + std::string(key.largest);
}

template <typename Value, typename Parse>
Result<Value> parse_within(const SettingKey& key, std::string_view text, Parse parse) {
  const auto value = parse(text);
  if (!value) {
    return key.word.empty()
               ? value.error()
               : invalid(value.error().what + ", or \"" + std::string(key.word) + "\"");
  }
  if (!key.smallest.empty() && (*value < *parse(key.smallest) || *value > *parse(key.largest))) {
    return invalid("'" + std::string(text) + "' " + range_text(key));
  }
  return *value;
}

Result<std::uint64_t> parse_any_count(std::string_view text) {
  return parse_count(text, INT64_MAX);
}

Result<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return invalid("'" + std::string(text) + "' is neither true nor false");
}

Result<bool> parse_value(const SettingKey& key, std::string_view text, bool* /*type*/) {
  return parse_within<bool>(key, text, parse_boolean);
}
Result<std::uint64_t> parse_value(const SettingKey& key,
                                  std::string_view text,
                                  std::uint64_t* /*type*/) {
  return parse_within<std::uint64_t>(key, text, parse_any_count);
}
Result<Duration> parse_value(const SettingKey& key, std::string_view text, Duration* /*type*/) {
  return parse_within<Duration>(key, text, parse_duration);
}
Result<ByteSize> parse_value(const SettingKey& key, std::string_view text, ByteSize* /*type*/) {
  return parse_within<ByteSize>(key, text, parse_size);
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

// Assigns text to whatever the field is.
struct Assign {
  const SettingKey& key;
  std::string_view text;

  template <typename Value>
  Status operator()(Value* field) const {
    RETORT_TRY(*field, parse_value(key, text, field));
    return {};
  }
  template <typename Value>
  Status operator()(std::optional<Value>* field) const {
    if (text == key.word) {
      field->reset();
      return {};
    }
    Value* type = nullptr;
    RETORT_TRY(*field, parse_value(key, text, type));
    return {};
  }
  Status operator()(std::string* field) const {
    if (!key.choices.empty() && std::ranges::count(key.choices, text) == 0) {
      return invalid("'" + std::string(text) + "' is none of " + joined(key.choices));
    }
    *field = text;
    return {};
  }
  Status operator()(std::vector<std::string>* field) const {
    field->clear();
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      field->emplace_back(rest.substr(0, comma));
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
    return {};
  }
  Status operator()(const LimitField& field) const {
    auto value = parse_limit(field.limit, text);
    if (!value) return value.error();
    field.values->set(field.limit, *value);
    return {};
  }
};

std::string quoted(std::string_view text) {
  return text::compact(text::json::value(text::json::string(text)));
}

struct Show {
  const SettingKey& key;

  std::string operator()(const bool* field) const { return *field ? "true" : "false"; }
  std::string operator()(const std::uint64_t* field) const { return std::to_string(*field); }
  std::string operator()(const Duration* field) const { return quoted(to_text(*field)); }
  std::string operator()(const ByteSize* field) const { return quoted(to_text(*field)); }
  std::string operator()(const std::string* field) const { return quoted(*field); }
  std::string operator()(const std::vector<std::string>* field) const {
    std::string text = "[";
    for (const std::string& element : *field) text += (text == "[" ? "" : ", ") + quoted(element);
    return text + "]";
  }
  template <typename Value>
  std::string operator()(const std::optional<Value>* field) const {
    return *field ? (*this)(&**field) : quoted(key.word);
  }
  std::string operator()(const LimitField& field) const {
    const auto value = field.values->get(field.limit);
    if (!value) return quoted("");
    const std::string text = limit_text(field.limit, *value);
    return is_count(field.limit) ? text : quoted(text);
  }
};

struct TypeName {
  std::string operator()(const bool* /*type*/) const { return "true or false"; }
  std::string operator()(const std::uint64_t* /*type*/) const { return "whole number"; }
  std::string operator()(const Duration* /*type*/) const { return "duration"; }
  std::string operator()(const ByteSize* /*type*/) const { return "size"; }
  std::string operator()(const std::string* /*type*/) const { return "text"; }
  std::string operator()(const std::vector<std::string>* /*type*/) const { return "list of text"; }
  template <typename Value>
  std::string operator()(const std::optional<Value>* /*type*/) const {
    const Value* inner = nullptr;
    return (*this)(inner);
  }
  std::string operator()(const LimitField& field) const {
    if (field.limit == Limit::network) return "none or loopback";
    if (is_count(field.limit)) return "whole number";
    return cell::info_of(field.limit).json.ends_with("_us") ? "duration" : "size";
  }
};

struct Copy {
  Settings& from;
  const SettingKey& key;

  template <typename Value>
  void operator()(Value* to) const {
    *to = *std::get<Value*>(key.field(from));
  }
  void operator()(const LimitField& to) const {
    const auto source = std::get<LimitField>(key.field(from));
    if (const auto value = source.values->get(source.limit)) {
      to.values->set(to.limit, *value);
    } else {
      to.values->clear(to.limit);
    }
  }
};

// A key's field is asked for with a Settings that can be written; here it is only read.
Settings& readable(const Settings& settings) {
  return const_cast<Settings&>(settings);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

}  // namespace

std::string type_name(const SettingKey& key) {
  Settings settings;
  if (!key.choices.empty()) {
    std::string text;
    for (const std::string_view word : key.choices)
      text.append(text.empty() ? "" : ", ").append(word);
    return text;
  }
  std::string text = std::visit(TypeName{}, key.field(settings));
  if (key.word.empty()) return text;
  return text + " or " + std::string(key.word);
}

bool is_plain_count(const SettingKey& key) {
  Settings settings;
  const SettingField field = key.field(settings);
  if (const auto* limit = std::get_if<LimitField>(&field)) return is_count(limit->limit);
  return std::holds_alternative<std::uint64_t*>(field) ||
         std::holds_alternative<std::optional<std::uint64_t>*>(field);
}

Status set_from_text(Settings& settings, const SettingKey& key, std::string_view text) {
  if (base::printable(text).size() != text.size()) {
    return invalid("holds a control character, a backslash or bytes that are not UTF-8");
  }
  return std::visit(Assign{.key = key, .text = text}, key.field(settings));
}

std::string value_text(const Settings& settings, const SettingKey& key) {
  return std::visit(Show{key}, key.field(readable(settings)));
}

void copy_value(Settings& to, const Settings& from, const SettingKey& key) {
  std::visit(Copy{.from = readable(from), .key = key}, key.field(to));
  const auto source = from.sources.find(key.dotted());
  if (source == from.sources.end()) {
    to.sources.erase(key.dotted());
  } else {
    to.sources[key.dotted()] = source->second;
  }
}

std::vector<std::string> keep_until_restart(const Settings& running, Settings& fresh) {
  std::vector<std::string> kept;
  for (const SettingKey& key : setting_keys()) {
    if (key.reloads || value_text(running, key) == value_text(fresh, key)) continue;
    copy_value(fresh, running, key);
    kept.push_back(key.dotted());
  }
  return kept;
}

}  // namespace retort::api
