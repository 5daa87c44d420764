// retort-init: process 1 of a cell; with "collect" or "measure" the reader of what a dead program
// left.
#include <cstdlib>
#include <string_view>

#include "cell/spec.h"

int main(int argc, char** argv) {
  if (argc == 1) return retort::cell::run_init();
  if (argc == 4 && std::string_view(argv[1]) == "collect") {
    return retort::cell::run_collector(std::strtoull(argv[2], nullptr, 10),
                                       std::strtoull(argv[3], nullptr, 10));
  }
  if (argc == 3 && std::string_view(argv[1]) == "measure") {
    return retort::cell::run_measure(std::strtoull(argv[2], nullptr, 10));
  }
  return 64;  // it is started by the keeper, not by people
}
