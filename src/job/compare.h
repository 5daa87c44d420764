// Compare: is this the expected output? What judges call checkers, as pure functions of two texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace retort::job {

// Each returns nothing when the output is accepted, else one line that says where it first differs.
// Nothing of the expected output is in that line beyond one word: programs may see it.

// Byte for byte.
std::optional<std::string> compare_exact(std::string_view output, std::string_view expected);

// The same words in the same order; white space is that of isspace(3) in the C locale.
std::optional<std::string> compare_tokens(std::string_view output, std::string_view expected);

// As tokens; but where the expected word is a decimal number, the output's may be any decimal
// number that differs by at most `tolerance`, absolutely or relative to the expected one. Infinity
// and NaN are words, not numbers.
std::optional<std::string> compare_floats(std::string_view output,
                                          std::string_view expected,
                                          double tolerance);

}  // namespace retort::job
