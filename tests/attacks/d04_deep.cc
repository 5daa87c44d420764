// D04: trees of folders thousands deep, dug downwards and piled upwards.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kDug = 2500;      // longer than a path may be
constexpr int kPiled = 10'000;  // in no time, since every call is near the top
constexpr int kDeepest = 64;    // of what is collected

int run_dig(unsigned) {
  for (int i = 0; i < kDug && verdict() == 0; ++i)
    expect(::mkdir("d", 0755) == 0 && ::chdir("d") == 0, "no deeper folder");
  char path[4096];
  expect(::getcwd(path, sizeof path) == nullptr && errno == ERANGE, "its path has an end");
  expect(write_file("bottom", "x"), "no file at the bottom");
  return verdict();
}

// A new folder takes the whole tree, and then its name.
int run_pile(unsigned) {
  expect(::mkdir("d", 0755) == 0, "no folder");
  for (int i = 1; i < kPiled && verdict() == 0; ++i) {
    expect(::mkdir("new", 0755) == 0 && ::rename("d", "new/d") == 0 && ::rename("new", "d") == 0,
           "no folder above the tree");
  }
  return verdict();
}

std::string name_at(int depth) {
  std::string name = "d";
  for (int i = 0; i < depth; ++i) name += "/d";
  return name;
}

const std::string kTooDeep = name_at(kDeepest) + " refused too deep";

const Enrol kDig{{.id = "D04",
                  .what = "a tree deeper than a path is long",
                  .run = run_dig,
                  .exit_code = 0,
                  .collected = {kTooDeep},
                  .limits = {"cpu_time=5s", "wall_time=15s"}}};
const Enrol kPile{{.id = "D04b",
                   .what = "a tree of ten thousand folders, put one above the other",
                   .run = run_pile,
                   .exit_code = 0,
                   .collected = {kTooDeep},
                   .limits = {"cpu_time=5s", "wall_time=15s"}}};

}  // namespace
}  // namespace retort::attacks
