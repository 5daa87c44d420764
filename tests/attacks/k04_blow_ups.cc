// K04: sources of some lines that would keep a compiler busy for ever, or eat all memory. Each ends
// by a limit of the compile stage or by the compiler's own refusal, and is nobody's fault but its
// own.
#include "attacks/tools.h"

namespace retort::attacks {
namespace {

std::string repeated(const std::string& text, unsigned count) {
  std::string all;
  all.reserve(text.size() * count);
  for (unsigned i = 0; i < count; ++i) all += text;
  return all;
}

std::vector<AttackFile> templates() {
  return {{.name = "main.cpp",
           .content = "template <int N, int M> struct A {\n"
                      "  static constexpr long v = A<N - 1, 2 * M>::v + A<N - 1, 2 * M + 1>::v;\n"
                      "};\n"
                      "template <int M> struct A<0, M> { static constexpr long v = M; };\n"
                      "int main() { return (int)A<24, 0>::v; }\n"}};
}
const Enrol kTemplates{{.id = "K04",
                        .what = "C++ templates that double at each step",
                        .language = "cpp",
                        .sources = templates,
                        .statuses = {"memory_limit", "cpu_time_limit", "wall_time_limit"},
                        .may_hit = {"cpu_time", "wall_time", "memory", "output"},
                        .compile_limits = {"cpu_time=8s", "wall_time=20s", "memory=256MiB"}}};

std::vector<AttackFile> constant() {
  return {{.name = "main.cpp",
           .content = "constexpr int f(int n) { return n < 2 ? n : f(n - 1) + f(n - 2); }\n"
                      "constexpr int loop() { int x = 0; for (long i = 0; i < 1000000000000; ++i) "
                      "x ^= 1; return x; }\n"
                      "static_assert(f(60) + loop() >= 0);\n"
                      "int main() {}\n"}};
}
const Enrol kConstant{
    {.id = "K04b",
     .what = "C++ constant expressions without end",
     .language = "cpp",
     .sources = constant,
     .statuses = {"compile_error", "memory_limit", "cpu_time_limit", "wall_time_limit"},
     .may_hit = {"cpu_time", "wall_time", "memory", "output"},
     .compile_limits = {"cpu_time=4s", "wall_time=12s", "memory=512MiB"}}};

std::vector<AttackFile> macros() {
  std::string text = "#define A0 1, 1, 1, 1, 1, 1, 1, 1, 1, 1\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "A" + std::to_string(i - 1);
    text += "#define A" + std::to_string(i) + " " + repeated(last + ", ", 9) + last + "\n";
  }
  return {{.name = "main.c", .content = text + "int y[] = {A11};\nint main(void) { return 0; }\n"}};
}
const Enrol kMacros{{.id = "K04c",
                     .what = "C macros that become a trillion words",
                     .language = "c",
                     .sources = macros,
                     .statuses = {"memory_limit", "cpu_time_limit", "wall_time_limit"},
                     .may_hit = {"cpu_time", "wall_time", "memory", "output"},
                     .compile_limits = {"cpu_time=4s", "wall_time=12s", "memory=256MiB"}}};

std::vector<AttackFile> includes() {
  return {{.name = "main.c",
           .content = "#include \"main.c\"\n#include \"main.c\"\nint main(void) { return 0; }\n"}};
}
const Enrol kIncludes{{.id = "K04d",
                       .what = "a C source that includes itself twice",
                       .language = "c",
                       .sources = includes,
                       .statuses = {"compile_error", "cpu_time_limit", "wall_time_limit"},
                       .may_hit = {"cpu_time", "wall_time", "memory", "output"},
                       .compile_limits = {"cpu_time=4s", "wall_time=12s", "memory=512MiB"}}};

std::vector<AttackFile> endless() {
  return {{.name = "main.c", .content = "#include \"/dev/zero\"\nint main(void) { return 0; }\n"},
          {.name = "other.c", .content = "#include \"/dev/stdin\"\n"},
          {.name = "third.c", .content = "__asm__(\".rept 2000000000\\n.byte 1\\n.endr\");\n"},
          {.name = "fourth.c", .content = "__asm__(\".fill 4000000000, 1, 1\");\n"}};
}
const Enrol kEndless{
    {.id = "K04e",
     .what = "C sources that include devices and repeat without end",
     .language = "c",
     .sources = endless,
     .statuses =
         {"compile_error", "memory_limit", "cpu_time_limit", "wall_time_limit", "disk_limit"},
     .may_hit = {"cpu_time", "wall_time", "memory", "output"},
     .compile_limits = {"cpu_time=8s", "wall_time=20s", "memory=512MiB", "file_size=64MiB"}}};

std::vector<AttackFile> java() {
  // Each lambda fits both methods, so that its body is looked at twice: 2^40 looks.
  std::string text =
      "public class Main {\n"
      "  interface A { Object g(Object o); }\n"
      "  interface B { Object h(String s); }\n"
      "  static Object f(A a) { return a; }\n"
      "  static Object f(B b) { return b; }\n"
      "  public static void main(String[] x) {\n    Object o = ";
  for (int i = 0; i < 40; ++i) text += "f(a" + std::to_string(i) + " -> ";
  text += "1" + repeated(")", 40) + ";\n  }\n}\n";
  return {{.name = "Main.java", .content = text}};
}
const Enrol kJava{
    {.id = "K04f",
     .what = "Java overloads among nested lambdas",
     .language = "java",
     .sources = java,
     .statuses = {"compile_error", "cpu_time_limit", "wall_time_limit", "memory_limit"},
     .may_hit = {"cpu_time", "wall_time", "memory", "output"},
     .compile_limits = {"cpu_time=6s", "wall_time=20s"}}};

}  // namespace
}  // namespace retort::attacks
