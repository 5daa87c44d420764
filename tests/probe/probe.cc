// Probe: main and the list of modes.
#include "probe/probe.h"

#include <array>
#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
  using namespace retort::probe;  // NOLINT(google-build-using-namespace)
  const std::array tables = {
      stream_modes(), terminal_modes(), work_modes(), file_modes(), sight_modes(), call_modes()};
  const std::string_view name = argc > 1 ? argv[1] : "";
  for (const auto& table : tables) {
    for (const Mode& mode : table) {
      if (name == mode.name) return mode.run(Words(argv + 2, argv + argc));
    }
  }
  for (const auto& table : tables) {
    for (const Mode& mode : table) {
      std::fprintf(stderr, "%-16s %-28s %s\n", mode.name, mode.arguments, mode.meaning);
    }
  }
  return 64;
}
