// retort-keeper: makes, meters and ends cells for the client behind descriptor 3.
#include <cstdio>
#include <optional>
#include <string_view>

#include "base/units.h"
#include "keeper/keeper.h"
#include "kernel/files.h"

int main(int argc, char** argv) {
  if (!retort::kernel::hold_standard_descriptors()) return 1;
  std::optional<unsigned> instance;
  if (argc == 3 && std::string_view(argv[1]) == "--instance") {
    const auto number = retort::base::parse_count(argv[2], 4095);
    if (!number) {
      std::fprintf(stderr, "retort-keeper: --instance: %s\n", number.error().what.c_str());
      return 64;
    }
    instance = static_cast<unsigned>(*number);
  } else if (argc != 1) {
    std::fprintf(stderr,
                 "usage: retort-keeper [--instance NUMBER]   (started by retort, with a socket as "
                 "descriptor 3)\n");
    return 64;
  }
  const auto served = retort::keeper::serve(retort::base::Fd(3), instance);
  if (served) return *served ? 0 : 1;
  std::fprintf(stderr, "retort-keeper: %s\n", served.error().what.c_str());
  return 1;
}
