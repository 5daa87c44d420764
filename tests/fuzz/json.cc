// Json: any text as JSON, and what is read from it written and read again.
#include "text/json.h"

#include <algorithm>
#include <cmath>

#include "fuzz/fuzz.h"

namespace retort::text {
namespace {

using fuzz::require;

// Is one what the other reads back as? Boost.JSON 1.81 reads a double to within its last digits, of
// which the smallest have few.
bool is_same(const json::value& one, const json::value& other) {
  if (one.is_double() && other.is_double()) {
    const double a = one.get_double();
    const double b = other.get_double();
    return std::abs(a - b) <= std::abs(a) * 1e-14 + 1e-300;
  }
  if (one.kind() != other.kind()) return false;
  if (const json::object* object = one.if_object()) {
    const json::object& there = other.get_object();
    return object->size() == there.size() && std::ranges::all_of(*object, [&](const auto& entry) {
             const json::value* value = there.if_contains(entry.key());
             return value != nullptr && is_same(entry.value(), *value);
           });
  }
  if (const json::array* array = one.if_array())
    return std::ranges::equal(*array, other.get_array(), is_same);
  return one == other;
}

void check_that_it_reads_back(const json::value& value, const std::string& written) {
  const auto again = parse_json(written);
  require(again.has_value(), "what is written can be read");
  require(is_same(value, *again), "what is written reads back");
}

}  // namespace
}  // namespace retort::text

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::text;  // NOLINT(google-build-using-namespace)
  const std::string_view text = retort::fuzz::text_of(data, size);
  const auto value = parse_json(text);
  if (value) {
    check_that_it_reads_back(*value, pretty(*value));
    check_that_it_reads_back(*value, compact(*value));
    require(compact(*value).find('\n') == std::string::npos, "a compact text is one line");
  } else {
    require(retort::fuzz::is_plain(value.error().what), "a fault is fit for a terminal");
  }
  // A program's output, whatever it is, makes a sound document.
  json::object output;
  put_bytes(output, "stdout", text);
  check_that_it_reads_back(output, compact(output));
  return 0;
}
