// Compare: word by word, in one pass over both texts and without copies.
#include "job/compare.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "base/bytes.h"

namespace retort::job {

namespace {

constexpr std::string_view kSpace = " \t\n\v\f\r";
constexpr std::size_t kLongestWordShown = 40;

// Takes the next word off the front of `text`; empty at the end.
std::string_view take_word(std::string_view& text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) {
    text = {};
    return {};
  }
  text.remove_prefix(begin);
  const std::string_view word = text.substr(0, text.find_first_of(kSpace));
  text.remove_prefix(word.size());
  return word;
}

std::string shown(std::string_view word) {
  const bool is_long = word.size() > kLongestWordShown;
  return "'" + base::printable(word.substr(0, kLongestWordShown)) + (is_long ? "…'" : "'");
}

// A decimal number and nothing after it; a leading '+' is fine, hexadecimal and "inf" are not.
std::optional<double> number_in(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  const std::size_t digit = word.starts_with('-') ? 1 : 0;
  if (digit >= word.size()) return std::nullopt;
  if (word[digit] != '.' && (word[digit] < '0' || word[digit] > '9')) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

template <typename Same>
std::optional<std::string> compare_words(std::string_view output,
                                         std::string_view expected,
                                         Same same) {
  for (std::size_t place = 1;; ++place) {
    const std::string_view got = take_word(output);
    const std::string_view wanted = take_word(expected);
    if (got.empty() && wanted.empty()) return std::nullopt;
    if (got.empty()) return "the output ends after " + std::to_string(place - 1) + " words";
    if (wanted.empty())
      return "the output goes on after word " + std::to_string(place - 1) + ", with " + shown(got);
    if (!same(got, wanted)) {
      return "word " + std::to_string(place) + " is " + shown(got) + ", expected " + shown(wanted);
    }
  }
}

}  // namespace

std::optional<std::string> compare_exact(std::string_view output, std::string_view expected) {
  if (output == expected) return std::nullopt;
  const auto [got, wanted] = std::ranges::mismatch(output, expected);
  const auto place = static_cast<std::size_t>(got - output.begin());
  const auto line = 1 + std::ranges::count(output.substr(0, place), '\n');
  if (got == output.end()) return "the output ends after byte " + std::to_string(place);
  if (wanted == expected.end()) return "the output goes on after byte " + std::to_string(place);
  return "byte " + std::to_string(place + 1) + " differs, in line " + std::to_string(line);
}

std::optional<std::string> compare_tokens(std::string_view output, std::string_view expected) {
  return compare_words(output, expected, [](std::string_view got, std::string_view wanted) {
    return got == wanted;
  });
}

std::optional<std::string> compare_floats(std::string_view output,
                                          std::string_view expected,
                                          double tolerance) {
  return compare_words(
      output, expected, [tolerance](std::string_view got, std::string_view wanted) {
        if (got == wanted) return true;
        const auto right = number_in(wanted);
        const auto number = number_in(got);
        if (!right || !number) return false;
        return std::abs(*number - *right) <= tolerance * std::max(1.0, std::abs(*right));
      });
}

}  // namespace retort::job
