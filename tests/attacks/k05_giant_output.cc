// K05: a few bytes of source that become gigabytes: of program, of diagnostics.
#include "attacks/tools.h"

namespace retort::attacks {
namespace {

std::vector<AttackFile> giant() {
  return {
      {.name = "main.c", .content = "int x[500000000] = {1};\nint main(void) { return x[1]; }\n"}};
}
const Enrol kGiant{{.id = "K05",
                    .what = "a program of two gigabytes",
                    .language = "c",
                    .sources = giant,
                    .statuses = {"compile_error"},
                    .says = {"File size limit exceeded"}}};

std::vector<AttackFile> large() {
  return {
      {.name = "main.c", .content = "int x[10000000] = {1};\nint main(void) { return x[1]; }\n"}};
}
const Enrol kLarge{{.id = "K05b",
                    .what = "a program of forty megabytes, where files may have thirty-two",
                    .language = "c",
                    .sources = large,
                    .statuses = {"compile_error"},
                    .says = {"File size limit exceeded"},
                    .compile_limits = {"file_size=32MiB"}}};

std::vector<AttackFile> flood() {
  std::string text =
      "#define A(x) B(x) B(x) B(x) B(x) B(x) B(x) B(x) B(x) B(x) B(x)\n"
      "#define B(x) C(x) C(x) C(x) C(x) C(x) C(x) C(x) C(x) C(x) C(x)\n"
      "#define C(x) D(x) D(x) D(x) D(x) D(x) D(x) D(x) D(x) D(x) D(x)\n"
      "#define D(x) _Static_assert(0, \"first words of a flood\");\n";
  for (int i = 0; i < 20; ++i) text += "A(1)\n";
  return {
      {.name = "main.c",
       .content = text + "_Static_assert(0, \"last words of the flood\");\nint main(void) {}\n"}};
}
const Enrol kFlood{{.id = "K05c",
                    .what = "diagnostics without end: head and tail of a mebibyte are kept",
                    .language = "c",
                    .sources = flood,
                    .statuses = {"compile_error"},
                    .limits_hit = {"output"},
                    .says = {"first words of a flood", "last words of the flood"},
                    .kept_bytes = 1U << 20U}};

}  // namespace
}  // namespace retort::attacks
