// K14: sources that crash compilers and interpreters, or are merely large: a million lines, names
// of two mebibytes, nesting without end, bytes that are no text.
#include "attacks/tools.h"

namespace retort::attacks {
namespace {

std::string repeated(const std::string& text, unsigned count) {
  std::string all;
  all.reserve(text.size() * count);
  for (unsigned i = 0; i < count; ++i) all += text;
  return all;
}

std::vector<AttackFile> lines() {
  return {{.name = "main.c", .content = repeated("int x;\n", 1'000'000) + "int main(void) {}\n"}};
}
const Enrol kLines{
    {.id = "K14", .what = "a C source of a million lines", .language = "c", .sources = lines}};

std::vector<AttackFile> names() {
  const std::string name(2U << 20U, 'a');
  return {{.name = "main.c",
           .content = "int " + name + " = 3;\nint main(void) { return " + name + " - 3; }\n"}};
}
const Enrol kNames{
    {.id = "K14b", .what = "a C name of two mebibytes", .language = "c", .sources = names}};

std::vector<AttackFile> wrong_names() {
  const std::string name(2U << 20U, 'a');
  return {{.name = "main.c", .content = "int main(void) { return " + name + "; }\n"}};
}
const Enrol kWrongNames{{.id = "K14c",
                         .what = "a C name of two mebibytes, which is in every message",
                         .language = "c",
                         .sources = wrong_names,
                         .statuses = {"compile_error"},
                         .limits_hit = {"output"},
                         .kept_bytes = 1U << 20U}};

std::vector<AttackFile> nesting() {
  return {{.name = "main.c",
           .content = "int main(void) { return " + repeated("(", 200'000) + "0" +
                      repeated(")", 200'000) + "; }\n"}};
}
const Enrol kNesting{{.id = "K14d",
                      .what = "C parentheses two hundred thousand deep",
                      .language = "c",
                      .sources = nesting,
                      .statuses = {"compile_error", "memory_limit", "ok"},
                      .may_hit = {"cpu_time", "wall_time", "memory", "output"}}};

std::vector<AttackFile> blocks() {
  return {{.name = "main.cpp",
           .content = "int main() " + repeated("{", 200'000) + repeated("}", 200'000) + "\n"}};
}
const Enrol kBlocks{{.id = "K14e",
                     .what = "C++ blocks two hundred thousand deep",
                     .language = "cpp",
                     .sources = blocks,
                     .statuses = {"compile_error", "memory_limit", "cpu_time_limit", "ok"},
                     .may_hit = {"cpu_time", "wall_time", "memory", "output"},
                     .compile_limits = {"cpu_time=10s", "wall_time=30s"}}};

std::vector<AttackFile> bytes() {
  std::string text;
  for (unsigned i = 0; i < 50'000; ++i) text += static_cast<char>(i * 7919U >> 3U);
  return {{.name = "main.c", .content = text}};
}
const Enrol kBytes{{.id = "K14f",
                    .what = "a C source of arbitrary bytes",
                    .language = "c",
                    .sources = bytes,
                    .statuses = {"compile_error"},
                    .may_hit = {"output"},
                    .kept_bytes = 1U << 20U}};

std::vector<AttackFile> java() {
  return {{.name = "Main.java",
           .content = "public class Main { public static void main(String[] a) { int x = " +
                      repeated("(", 50'000) + "0" + repeated(")", 50'000) + "; } }\n"}};
}
const Enrol kJava{{.id = "K14g",
                   .what = "Java parentheses fifty thousand deep",
                   .language = "java",
                   .sources = java,
                   .statuses = {"compile_error"}}};

std::vector<AttackFile> python() {
  return {{.name = "main.py",
           .content = "x = " + repeated("[", 100'000) + repeated("]", 100'000) + "\n"}};
}
const Enrol kPython{{.id = "K14h",
                     .what = "Python lists a hundred thousand deep",
                     .language = "python",
                     .sources = python,
                     .statuses = {"nonzero_exit"},
                     .says = {"too many nested"}}};

std::vector<AttackFile> javascript() {
  return {{.name = "main.js",
           .content = "x = " + repeated("[", 100'000) + repeated("]", 100'000) + "\n"}};
}
const Enrol kJavascript{{.id = "K14i",
                         .what = "JavaScript arrays a hundred thousand deep",
                         .language = "javascript",
                         .sources = javascript,
                         .statuses = {"nonzero_exit", "signaled"}}};

std::vector<AttackFile> perl() {
  return {{.name = "main.pl",
           .content = "$x = " + repeated("[", 100'000) + repeated("]", 100'000) + ";\n"}};
}
const Enrol kPerl{{.id = "K14j",
                   .what = "Perl lists a hundred thousand deep",
                   .language = "perl",
                   .sources = perl,
                   .statuses = {"ok", "nonzero_exit", "signaled", "memory_limit"},
                   .may_hit = {"cpu_time", "wall_time", "memory", "output"}}};

std::vector<AttackFile> bash() {
  return {{.name = "main.sh", .content = repeated("$(", 20'000) + repeated(")", 20'000) + "\n"}};
}
const Enrol kBash{{.id = "K14k",
                   .what = "Bash substitutions twenty thousand deep",
                   .language = "bash",
                   .sources = bash,
                   .statuses = {"ok",
                                "nonzero_exit",
                                "signaled",
                                "memory_limit",
                                "process_limit",
                                "cpu_time_limit",
                                "wall_time_limit"},
                   .may_hit = {"cpu_time", "wall_time", "memory", "output"},
                   .limits = {"cpu_time=3s", "wall_time=10s"}}};

}  // namespace
}  // namespace retort::attacks
