// K07: file names that a compiler, a shell or a terminal would take for something else. Hostile
// ones are refused by the grammar of names, and no job takes place; odd ones are names and nothing
// more.
#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr const char* kProgram =
    "#include <stdio.h>\nint main(void) { puts(\"a name\"); return 0; }\n";

template <const char* const& Name>
std::vector<AttackFile> named() {
  return {{.name = "main.c", .content = kProgram}, {.name = Name, .content = kProgram}};
}

#define RETORT_REFUSED(number, text, why)                        \
  const char* const kName##number = text;                        \
  const Enrol kRefused##number{{.id = "K07" #number,             \
                                .what = "a file name that " why, \
                                .language = "c",                 \
                                .sources = named<kName##number>, \
                                .refused = why}};

RETORT_REFUSED(a, "/etc/passwd.c", "is absolute")
RETORT_REFUSED(b, "../escape.c", "has a '.' or '..' component")
RETORT_REFUSED(c, "a/../../escape.c", "has a '.' or '..' component")
RETORT_REFUSED(d, "./here.c", "has a '.' or '..' component")
RETORT_REFUSED(e, "a//b.c", "has an empty component")
RETORT_REFUSED(f, "folder/", "has an empty component")
RETORT_REFUSED(g, "", "is empty")
RETORT_REFUSED(h, "new\nline.c", "holds a control character")
RETORT_REFUSED(i, "escape\x1b[2J.c", "holds a control character")
RETORT_REFUSED(j, "not\xff\xfeutf8.c", "is not UTF-8")
RETORT_REFUSED(p, "@args.c", "begins with '@'")
RETORT_REFUSED(k, "c1\xc2\x9b.c", "holds a control character")
#undef RETORT_REFUSED

// These reach the compiler, as files of the current folder and as nothing else: were one of them an
// option, a plug-in would be missed, or the program would have another name.
std::vector<AttackFile> odd() {
  std::vector<AttackFile> files = {{.name = "main.c", .content = kProgram}};
  int number = 0;
  for (const char* name :
       {"-fplugin=evil.c", "-ooutput.c", "--.c",   "-.c",        "-wrapper.c", "x;y.c", " lead.c",
        "trail .c",        "$(id).c",    "`id`.c", "a|b.c",      "a>b.c",      "*.c",   "?.c",
        "'q'.c",           "\"q\".c",    "a b.c",  "%s%n.c",     "~.c",        "#.c",   "-B..c",
        "-specs=x.c",      "-include.c", "-x.c",   "folder/-o.c"}) {
    files.push_back({.name = name,
                     .content = "int odd_" + std::to_string(number++) + "(void) { return 0; }\n"});
  }
  return files;
}
const Enrol kOdd{{.id = "K07l",
                  .what = "file names that look like options, globs and commands",
                  .language = "c",
                  .sources = odd,
                  .says = {"a name"},
                  .says_not = {"plugin", "unrecognized", "cannot open"}}};

std::vector<AttackFile> twice() {
  return {{.name = "main.c", .content = kProgram}, {.name = "main.c", .content = "int x;\n"}};
}
const Enrol kTwice{{.id = "K07m",
                    .what = "two files of one name",
                    .language = "c",
                    .sources = twice,
                    .refused = "two files are named main.c"}};

std::vector<AttackFile> file_and_folder() {
  return {{.name = "main.c", .content = kProgram}, {.name = "main.c/x.c", .content = "int x;\n"}};
}
const Enrol kFileAndFolder{{.id = "K07n",
                            .what = "a file that another needs as its folder",
                            .language = "c",
                            .sources = file_and_folder,
                            .refused = "lies in what is a file itself"}};

// A script's name as its interpreter's option.
std::vector<AttackFile> script() {
  return {{.name = "-cprint('breach').py", .content = "print('a script')\n"}};
}
const Enrol kScript{{.id = "K07o",
                     .what = "a script whose name looks like an option with a program",
                     .language = "python",
                     .sources = script,
                     .says = {"a script"},
                     .says_not = {"breach"}}};

}  // namespace
}  // namespace retort::attacks
