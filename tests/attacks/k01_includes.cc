// K01: sources that have the compiler read files of the host.
#include "attacks/tools.h"

namespace retort::attacks {
namespace {

std::vector<AttackFile> sources() {
  return {{.name = "main.c",
           .content = "#include \"/etc/shadow\"\n"
                      "%:include \"/run/retort/lock\"\n"
                      "#define PATH \"/root/.profile\"\n"
                      "#include PATH\n"
                      "int main(void) { return 0; }\n"}};
}

const Enrol kAttack{{.id = "K01",
                     .what = "include files of the host",
                     .language = "c",
                     .sources = sources,
                     .statuses = {"compile_error"},
                     .says = {"/etc/shadow: No such file"},
                     .says_not = {"root:"}}};

// The harness's secret is in /tmp/retort-selftest-*/readable; a name cannot be guessed, so the
// folder is asked for, and with it what else a preprocessor can be asked.
std::vector<AttackFile> questions() {
  return {
      {.name = "main.c",
       .content =
           "#if __has_include(\"/etc/shadow\") || __has_include(</etc/machine-id>) || \\\n"
           "    __has_include(\"/proc/1/environ\") || __has_include(\"/proc/cmdline\") || \\\n"
           "    __has_include(\"/sys/kernel/notes\") || __has_include(\"/root/.bashrc\") || \\\n"
           "    __has_include(\"/proc/version\") || __has_include(\"/boot\") || \\\n"
           "    __has_include(\"/run/retort/lock\") || __has_include(\"/dev/kmsg\")\n"
           "#error breach: a file of the host is there\n"
           "#endif\n"
           "int main(void) { return 0; }\n"}};
}

const Enrol kQuestions{{.id = "K01b",
                        .what = "ask whether files of the host exist",
                        .language = "c",
                        .sources = questions,
                        .says_not = {"breach", "error"}}};

// Every word that means #include, one file each so that one error does not hide the next.
std::vector<AttackFile> disguised() {
  return {
      {.name = "a.c", .content = "\?\?=include \"/etc/shadow\"\n"},
      {.name = "b.c", .content = "%:include \"/etc/shadow\"\n"},
      {.name = "c.c", .content = "#inc\\\nlude \"/etc/sha\\\ndow\"\n"},
      {.name = "d.c", .content = "#define X(a) #a\n#define Y(a) X(a)\n#include Y(/etc/shadow)\n"},
      {.name = "e.c", .content = "#include_next \"/etc/shadow\"\n"},
      {.name = "f.c", .content = "#import \"/etc/shadow\"\n"},
      {.name = "g.c", .content = "#embed \"/etc/shadow\"\n"},
      {.name = "h.c", .content = "#include \"../../../../../etc/shadow\"\n"},
      {.name = "i.c", .content = "#pragma GCC dependency \"/etc/shadow\"\n"},
      {.name = "j.c", .content = "__asm__(\".include \\\"/etc/shadow\\\"\");\n"},
      {.name = "k.c", .content = "__asm__(\".incbin \\\"/etc/shadow\\\"\");\n"},
      {.name = "main.c", .content = "int main(void) { return 0; }\n"}};
}

const Enrol kDisguised{{.id = "K01c",
                        .what = "include files of the host by every other spelling",
                        .language = "c",
                        .sources = disguised,
                        .statuses = {"compile_error"},
                        .says = {"a.c",
                                 "b.c:1:",
                                 "c.c",
                                 "d.c:3:",
                                 "e.c",
                                 "f.c",
                                 "g.c",
                                 "h.c:1:",
                                 "cc1: fatal error: /etc/shadow: No such file"},
                        .says_not = {"root:", "/bin/bash"}}};

// The assembler, alone: it comes to its turn only when the compiler has no complaint.
std::vector<AttackFile> assembled() {
  return {{.name = "main.c",
           .content =
               "__asm__(\".section .rodata\\n.incbin \\\"/etc/shadow\\\"\\n\"\n"
               "        \".incbin \\\"/proc/1/environ\\\"\\n.incbin \\\"/root/.profile\\\"\\n\");\n"
               "int main(void) { return 0; }\n"}};
}

const Enrol kAssembled{{.id = "K01d",
                        .what = "have the assembler include files of the host",
                        .language = "c",
                        .sources = assembled,
                        .statuses = {"compile_error"},
                        .says = {"/etc/shadow"},
                        .says_not = {"root:"}}};

// What the cell does have says nothing: its own process's environment and mounts, into a program
// that prints them.
std::vector<AttackFile> own() {
  return {{.name = "main.c",
           .content =
               "#include <stdio.h>\n"
               "__asm__(\".section .rodata\\nfirst: .incbin \\\"/proc/self/environ\\\"\\n\"\n"
               "        \".incbin \\\"/proc/self/mountinfo\\\"\\n.incbin \\\"/etc/passwd\\\"\\n\"\n"
               "        \".incbin \\\"/proc/self/cmdline\\\"\\n.byte 0\\nlast:\\n\");\n"
               "extern const char first[], last[];\n"
               "int main(void) {\n"
               "  fwrite(first, 1, (unsigned long)(last - first), stdout);\n"
               "  return 0;\n"
               "}\n"}};
}

const Enrol kOwn{{.id = "K01e",
                  .what = "print what the compile stage can read of itself",
                  .language = "c",
                  .sources = own,
                  .says = {"box:x:1000:1000"},
                  .says_not = {"ext4", "/dev/vd", "SUDO", "SSH_", "RETORT_"}}};

// The other languages read files when they run; here it is their loaders that are asked.
std::vector<AttackFile> python() {
  return {{.name = "main.py",
           .content = "import importlib.util, sys\n"
                      "sys.path[:0] = ['/root', '/home', '/etc', '/work', '/opt', '/srv']\n"
                      "for path in ('/etc/shadow', '/root/.bashrc', '/proc/1/environ',\n"
                      "             '/etc/machine-id', '/run/retort/lock'):\n"
                      "    spec = importlib.util.spec_from_loader('x', loader=None)\n"
                      "    try:\n"
                      "        print('breach:', path, open(path).read())\n"
                      "    except FileNotFoundError:\n"
                      "        pass\n"
                      "print('nothing of the host')\n"}};
}

const Enrol kPython{{.id = "K01f",
                     .what = "import and open files of the host in Python",
                     .language = "python",
                     .sources = python,
                     .says = {"nothing of the host"}}};

}  // namespace
}  // namespace retort::attacks
