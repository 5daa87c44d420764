// Nearest: the known word that a mistyped one was probably meant to be.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort::text {

// The closest of `known` by insertions, deletions, replacements and swaps of neighbouring bytes;
// nothing when none is near enough for a slip (two edits at most, and fewer than half of the word).
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

// What to add to a message about an unknown word: "; did you mean 'memory'?", or
// "; known are a, b, c" when nothing is near, or nothing when `known` is empty.
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

}  // namespace retort::text
