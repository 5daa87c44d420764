// D05: names that are options, end lines, steer terminals, are no text, or look like others.
#include <string>
#include <string_view>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

// Each holds as many bytes as its place in the list.
const std::string kNames[] = {"-rf",
                              "@args",
                              "--",
                              "new\nline",
                              "\x1b[2Jclear",
                              "\xff\xfe",
                              "back\\slash",
                              "Case",
                              "case",
                              "\xc3\xa9",
                              "e\xcc\x81",
                              " ",
                              std::string(255, 'n'),
                              "$(reboot)",
                              "\xc2\x9b"};

int run(unsigned) {
  std::string content;
  for (const std::string& name : kNames) {
    expect(write_file(name, content), "could not make a file");
    content += 'x';
  }
  expect(!write_file(std::string(256, 'n'), ""), "a name of 256 bytes");
  return verdict();
}

const std::string kLongest = std::string(255, 'n') + " 12";

const Enrol kAttack{{.id = "D05",
                     .what = "names that mean something to somebody",
                     .run = run,
                     .exit_code = 0,
                     .collected = {"-rf 0",
                                   "@args 1",
                                   "-- 2",
                                   "new\\x0aline 3",
                                   "\\x1b[2Jclear 4",
                                   "\\xff\\xfe 5",
                                   "back\\\\slash 6",
                                   "Case 7",
                                   "case 8",
                                   "\xc3\xa9 9",
                                   "e\xcc\x81 10",
                                   "  11",
                                   kLongest,
                                   "$(reboot) 13",
                                   "\\xc2\\x9b 14"}}};

}  // namespace
}  // namespace retort::attacks
