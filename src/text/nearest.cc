// Nearest: edit distance, bounded so that a stranger's megabyte of key costs nothing.
#include "text/nearest.h"

#include <algorithm>
#include <cstddef>

namespace retort::text {
namespace {

constexpr std::size_t kLongestWord = 64;
constexpr std::size_t kMostEdits = 2;

// Optimal string alignment: a swap of neighbours, the commonest slip of all, is one edit.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> cost((a.size() + 1) * width);
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i * width] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = (i - 1) * width + j;
      const std::size_t replaced = cost[above - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      std::size_t best = std::min({replaced, cost[above] + 1, cost[i * width + j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        best = std::min(best, cost[(i - 2) * width + j - 2] + 1);
      }
      cost[i * width + j] = best;
    }
  }
  return cost.back();
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  const std::string* best = nullptr;
  std::size_t fewest = kMostEdits + 1;
  for (const std::string& candidate : known) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t edits = edit_distance(word, candidate);
    if (edits < fewest && edits * 2 < std::max(word.size(), candidate.size())) {
      fewest = edits;
      best = &candidate;
    }
  }
  if (best == nullptr) return std::nullopt;
  return *best;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  if (const auto near = nearest(word, known)) return "; did you mean '" + *near + "'?";
  std::string text;
  for (const std::string& candidate : known) {
    text.append(text.empty() ? "; known are " : ", ").append(candidate);
  }
  return text;
}

}  // namespace retort::text
