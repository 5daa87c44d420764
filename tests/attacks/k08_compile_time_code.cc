// K08, K09, K10, K12: code that would run while a source is compiled; what of the compile stage
// reaches the run stage; artefacts that are no programs; files that a compiler might take for its
// own parts.
#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr const char* kHello =
    "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";

// An annotation processor on the class path: javac would find and run it, were it not told to run
// none. (C, C++: gcc loads plug-ins by options only, and there is no way to give one: K07.)
std::vector<AttackFile> processor() {
  return {
      {.name = "Main.java",
       .content = "@Deprecated public class Main {\n"
                  "  public static void main(String[] a) { System.out.println(\"compiled\"); }\n"
                  "}\n"},
      {.name = "Processor.java",
       .content = "import java.util.*;\nimport javax.annotation.processing.*;\n"
                  "import javax.lang.model.element.*;\n"
                  "@SupportedAnnotationTypes(\"*\")\n"
                  "public class Processor extends AbstractProcessor {\n"
                  "  static { System.out.println(\"breach: code of the source runs\"); }\n"
                  "  public boolean process(Set<? extends TypeElement> s, RoundEnvironment r) {\n"
                  "    return false;\n  }\n}\n"},
      {.name = "META-INF/services/javax.annotation.processing.Processor",
       .content = "Processor\n"}};
}
const Enrol kProcessor{{.id = "K08",
                        .what = "an annotation processor on javac's class path",
                        .language = "java",
                        .sources = processor,
                        .says = {"compiled"},
                        .says_not = {"Bad service configuration", "Processor"}}};

// The run stage is another cell: it has the sources, the artefact, and nothing else that the
// compile stage wrote, watched or started.
std::vector<AttackFile> between() {
  return {{.name = "main.c",
           .content =
               "#include <dirent.h>\n#include <signal.h>\n#include <stdio.h>\n"
               "#include <string.h>\n#include <unistd.h>\n"
               "int main(void) {\n"
               "  const char* folders[] = {\"/box\", \"/tmp\", \"/var/tmp\", \"/dev/shm\"};\n"
               "  for (int i = 0; i < 4; ++i) {\n"
               "    DIR* d = opendir(folders[i]);\n"
               "    for (struct dirent* e; (e = readdir(d)) != 0;)\n"
               "      if (e->d_name[0] != '.' && (i != 0 || (strcmp(e->d_name, \"main.c\") &&\n"
               "                                             strcmp(e->d_name, \"program\"))))\n"
               "        printf(\"breach: %s has %s\\n\", folders[i], e->d_name);\n"
               "  }\n"
               "  if (getpid() != 2) puts(\"breach: another process was before\");\n"
               "  for (int id = 3; id < 4096; ++id)\n"
               "    if (kill(id, 0) == 0) puts(\"breach: a process of the compiler lives\");\n"
               "  puts(\"looked\");\n"
               "  return 0;\n}\n"}};
}
const Enrol kBetween{{.id = "K09",
                      .what = "what the compile stage leaves to the run stage",
                      .language = "c",
                      .sources = between,
                      .says = {"looked"}}};

std::vector<AttackFile> folder() {
  return {{.name = "main.c", .content = kHello}, {.name = "program/x.h", .content = "int x;\n"}};
}
const Enrol kFolder{{.id = "K10",
                     .what = "an artefact that is a folder already",
                     .language = "c",
                     .sources = folder,
                     .statuses = {"compile_error"},
                     .says = {"program"},
                     .says_not = {"hello"}}};

std::vector<AttackFile> before() {
  return {{.name = "main.c", .content = kHello},
          {.name = "program", .content = "#!/bin/sh\necho breach: the submitted file runs\n"}};
}
const Enrol kBefore{{.id = "K10b",
                     .what = "an artefact that was submitted",
                     .language = "c",
                     .sources = before,
                     .says = {"hello"}}};

// A run stage that asks for an artefact which is not there, or has nothing in it.
std::vector<AttackFile> no_main() {
  return {{.name = "main.c", .content = ""}};
}
const Enrol kNoMain{{.id = "K10c",
                     .what = "a source of no bytes",
                     .language = "c",
                     .sources = no_main,
                     .statuses = {"compile_error"},
                     .says = {"main"}}};

std::vector<AttackFile> file_for_folder() {
  return {{.name = "Main.java",
           .content = "public class Main { public static void main(String[] a) {} }\n"},
          {.name = "classes", .content = "no folder\n"}};
}
const Enrol kFileForFolder{{.id = "K10d",
                            .what = "a file where the compiler's folder belongs",
                            .language = "java",
                            .sources = file_for_folder,
                            .statuses = {"compile_error"},
                            .says = {"classes"}}};

std::vector<AttackFile> tools() {
  std::vector<AttackFile> files = {{.name = "main.c", .content = kHello}};
  for (const char* name : {"cc1",
                           "as",
                           "ld",
                           "collect2",
                           "gcc",
                           "lto-wrapper",
                           "specs",
                           "crt1.o",
                           "libc.so.6",
                           "libm.so",
                           "liblto_plugin.so",
                           "stdio.h",
                           "ld.so.preload",
                           "ld-linux-x86-64.so.2",
                           ".gdbinit",
                           "a.out",
                           "core",
                           "Makefile",
                           "x86_64-linux-gnu/12/specs",
                           "include/stdio.h"}) {
    files.push_back({.name = name, .content = "breach: a submitted file is taken for a tool\n"});
  }
  return files;
}
const Enrol kTools{{.id = "K12",
                    .what = "files named like a compiler's parts and settings",
                    .language = "c",
                    .sources = tools,
                    .says = {"hello"}}};

}  // namespace
}  // namespace retort::attacks
