// Json: a handler for Boost.JSON's parser that builds the value and refuses what the library lets
// pass.
#include "text/json.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <set>
#include <utility>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>

#include "base/bytes.h"
#include "text/encodings.h"

namespace retort::text {

using base::Error;
using base::Fault;
using base::Result;

namespace {

constexpr std::size_t kLongestKeyShown = 64;

// Boost.JSON 1.81's own handler keeps the last of two equal keys, so that two readers of one
// document can disagree about what it says; and it turns 1e999 into infinity.
class StrictHandler {
 public:
  // The names and shapes below are what boost::json::basic_parser calls.
  // NOLINTBEGIN(readability-identifier-naming)
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();
  // NOLINTEND(readability-identifier-naming)

  bool on_document_begin(json::error_code& /*ec*/) { return true; }
  bool on_document_end(json::error_code& /*ec*/) { return true; }
  bool on_object_begin(json::error_code& /*ec*/) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t n, json::error_code& /*ec*/) {
    keys_.pop_back();
    values_.push_object(n);
    return true;
  }
  bool on_array_begin(json::error_code& /*ec*/) { return true; }
  bool on_array_end(std::size_t n, json::error_code& /*ec*/) {
    values_.push_array(n);
    return true;
  }
  bool on_key_part(json::string_view s, std::size_t /*n*/, json::error_code& /*ec*/) {
    key_.append(s);
    values_.push_chars(s);
    return true;
  }
  bool on_key(json::string_view s, std::size_t /*n*/, json::error_code& ec) {
    key_.append(s);
    if (!keys_.back().insert(key_).second) {
      if (key_.size() > kLongestKeyShown) key_.resize(kLongestKeyShown);
      return refuse("duplicate key '" + base::printable(key_) + "'", ec);
    }
    key_.clear();
    values_.push_key(s);
    return true;
  }
  bool on_string_part(json::string_view s, std::size_t /*n*/, json::error_code& /*ec*/) {
    values_.push_chars(s);
    return true;
  }
  bool on_string(json::string_view s, std::size_t /*n*/, json::error_code& /*ec*/) {
    values_.push_string(s);
    return true;
  }
  bool on_number_part(json::string_view /*s*/, json::error_code& /*ec*/) { return true; }
  bool on_int64(std::int64_t i, json::string_view /*s*/, json::error_code& /*ec*/) {
    values_.push_int64(i);
    return true;
  }
  bool on_uint64(std::uint64_t u, json::string_view /*s*/, json::error_code& /*ec*/) {
    values_.push_uint64(u);
    return true;
  }
  bool on_double(double d, json::string_view /*s*/, json::error_code& ec) {
    if (!std::isfinite(d)) return refuse("a number beyond what a double holds", ec);
    values_.push_double(d);
    return true;
  }
  bool on_bool(bool b, json::error_code& /*ec*/) {
    values_.push_bool(b);
    return true;
  }
  bool on_null(json::error_code& /*ec*/) {
    values_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view /*s*/, json::error_code& /*ec*/) { return true; }
  bool on_comment(json::string_view /*s*/, json::error_code& /*ec*/) { return true; }

  [[nodiscard]] json::value release() { return values_.release(); }
  void start() { values_.reset(); }
  // Why this handler refused; empty when the parser itself did.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

 private:
  bool refuse(std::string why, json::error_code& ec) {
    refusal_ = std::move(why);
    ec = json::error::syntax;
    return false;
  }

  json::value_stack values_;
  std::vector<std::set<std::string>>
      keys_;  // of each open object; a tree, so hostile keys cannot collide
  std::string key_;
  std::string refusal_;
};

// "line 3, column 7": both from 1; columns count bytes.
std::string position_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t line_start = before.rfind('\n');
  const std::size_t column =
      line_start == std::string_view::npos ? before.size() + 1 : before.size() - line_start;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

std::string quoted(std::string_view text) {
  return json::serialize(json::string_view(text.data(), text.size()));
}

void print(const json::value& value, std::size_t depth, std::string& out) {
  const auto new_line = [&](std::size_t level) { out.append("\n").append(level * 2, ' '); };
  if (const json::object* object = value.if_object(); object != nullptr && !object->empty()) {
    char before = '{';
    for (const auto& [key, element] : *object) {
      out += before;
      before = ',';
      new_line(depth + 1);
      out.append(quoted({key.data(), key.size()})).append(": ");
      print(element, depth + 1, out);
    }
    new_line(depth);
    out += '}';
  } else if (const json::array* array = value.if_array(); array != nullptr && !array->empty()) {
    char before = '[';
    for (const json::value& element : *array) {
      out += before;
      before = ',';
      new_line(depth + 1);
      print(element, depth + 1, out);
    }
    new_line(depth);
    out += ']';
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kDeepestJson;
  try {
    json::basic_parser<StrictHandler> parser(options);
    parser.handler().start();
    json::error_code ec;
    std::size_t parsed = parser.write_some(false, text.data(), text.size(), ec);
    if (!ec && parsed < text.size()) ec = json::error::extra_data;
    if (!ec) return parser.handler().release();
    const std::string& refusal = parser.handler().refusal();
    std::string why = refusal.empty() ? ec.message() : refusal;
    if (ec == json::error::too_deep) {
      why = "more than " + std::to_string(kDeepestJson) + " arrays and objects in each other";
    }
    return Error{Fault::invalid, position_of(text, parsed) + ": " + why, 0};
  } catch (const std::bad_alloc&) {
    return Error{Fault::exhausted, "out of memory while reading JSON", 0};
  } catch (const std::exception& exception) {
    return Error{Fault::internal, std::string("reading JSON: ") + exception.what(), 0};
  }
}

namespace {

// Six bytes for a control character: more than base64 takes, where there are many.
bool grows_much(std::string_view bytes) {
  constexpr std::size_t kEscaped = 5;  // bytes more than one
  std::size_t more = 0;
  for (const char c : bytes) {
    if (c == '"' || c == '\\' || c == '\n' || c == '\t' || c == '\r') {
      ++more;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      more += kEscaped;
    }
  }
  return more > bytes.size() + 64;
}

}  // namespace

void put_bytes(json::object& object, std::string_view key, std::string_view bytes) {
  const json::string_view name(key.data(), key.size());
  if (base::is_utf8(bytes) && !grows_much(bytes)) {
    object[name] = json::string_view(bytes.data(), bytes.size());
    return;
  }
  object[name] = base64(bytes);
  object[std::string(key) + "_encoding"] = "base64";
}

std::string compact(const json::value& value) {
  return json::serialize(value);
}

std::string pretty(const json::value& value) {
  std::string out;
  print(value, 0, out);
  return out;
}

}  // namespace retort::text
