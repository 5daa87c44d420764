// retort-attacks ID PLACE: one attack of the corpus, in the cell that is to hold it; or, with
// "neighbour" and a seed, honest work.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "attacks/tools.h"
#include "selftest/neighbour.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: retort-attacks ID PLACE\n");
    return 64;
  }
  const auto number = std::strtoull(argv[2], nullptr, 10);
  if (std::string_view(argv[1]) == "neighbour") {
    std::printf("%llu\n", static_cast<unsigned long long>(retort::selftest::honest_answer(number)));
    return 0;
  }
  for (const auto& attack : retort::selftest::attacks()) {
    if (attack.id != argv[1] || attack.run == nullptr) continue;
    return attack.run(static_cast<unsigned>(number));
  }
  std::fprintf(stderr, "retort-attacks: no attack %s\n", argv[1]);
  return 64;
}
