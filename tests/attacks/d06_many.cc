// D06: more files than are collected.
#include <sys/stat.h>

#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kFiles = 15'000;  // of which 10,000 may be collected

// In one folder, or each in one of its own.
int run(unsigned place) {
  const int count = place == 0 ? kFiles : kFiles / 2;
  for (int i = 0; i < count && verdict() == 0; ++i) {
    std::string name = "many/" + std::to_string(i);
    if (i == 0) ::mkdir("many", 0755);
    if (place == 1) {
      ::mkdir(name.c_str(), 0755);
      name += "/file";
    }
    expect(write_file(name, ""), "no file");
  }
  return verdict();
}

const Enrol kOne{{.id = "D06",
                  .what = "more files than are collected",
                  .run = run,
                  .exit_code = 0,
                  .collected = {"many refused too many entries"}}};
const Enrol kTwo{{.id = "D06b",
                  .what = "more files and folders than are collected",
                  .run = [](unsigned) { return run(1); },
                  .exit_code = 0,
                  .collected = {"many/"}}};

}  // namespace
}  // namespace retort::attacks
