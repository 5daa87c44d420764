// K13: files that interpreters look for in the current folder or the home, which is the cell's own.
// Most are not even looked at; none can be met by another job.
#include "attacks/tools.h"

namespace retort::attacks {
namespace {

std::vector<AttackFile> python() {
  const std::string hook = "print('a hook ran')\n";
  return {{.name = "main.py", .content = "import json, os, re\nprint('main ran')\n"},
          {.name = "sitecustomize.py", .content = hook},
          {.name = "usercustomize.py", .content = hook},
          {.name = "hook.pth", .content = "import sys; print('a hook ran')\n"},
          {.name = "python3", .content = "#!/bin/sh\necho a hook ran\n"},
          {.name = "pyvenv.cfg", .content = "home = /box\n"},
          {.name = "python3._pth", .content = "/box\n"},
          {.name = ".pythonrc", .content = hook},
          {.name = ".local/lib/python3.11/site-packages/usercustomize.py", .content = "x = 1\n"}};
}
const Enrol kPython{{.id = "K13",
                     .what = "Python's hooks in the current folder",
                     .language = "python",
                     .sources = python,
                     .says = {"main ran"},
                     .says_not = {"a hook ran"}}};

std::vector<AttackFile> javascript() {
  return {{.name = "main.js", .content = "require('fs'); console.log('main ran')\n"},
          {.name = ".npmrc", .content = "node-options=--require /box/hook.js\n"},
          {.name = ".noderc", .content = "--require /box/hook.js\n"},
          {.name = "hook.js", .content = "console.log('a hook ran')\n"},
          {.name = "node_modules/fs/index.js", .content = "console.log('a hook ran')\n"},
          {.name = "node", .content = "#!/bin/sh\necho a hook ran\n"}};
}
const Enrol kJavascript{{.id = "K13b",
                         .what = "Node's hooks in the current folder",
                         .language = "javascript",
                         .sources = javascript,
                         .says = {"main ran"},
                         .says_not = {"a hook ran"}}};

std::vector<AttackFile> perl() {
  return {{.name = "main.pl", .content = "use strict; use warnings; print \"main ran\\n\";\n"},
          {.name = "strict.pm", .content = "print \"a hook ran\\n\"; 1;\n"},
          {.name = "sitecustomize.pl", .content = "print \"a hook ran\\n\";\n"},
          {.name = "perl5db.pl", .content = "print \"a hook ran\\n\";\n"},
          {.name = "perl", .content = "#!/bin/sh\necho a hook ran\n"}};
}
const Enrol kPerl{{.id = "K13c",
                   .what = "Perl's hooks in the current folder",
                   .language = "perl",
                   .sources = perl,
                   .says = {"main ran"},
                   .says_not = {"a hook ran"}}};

std::vector<AttackFile> bash() {
  const std::string hook = "echo a hook ran\n";
  return {{.name = "main.sh", .content = "cd /box; id -u > /dev/null; echo main ran\n"},
          {.name = ".bashrc", .content = hook},
          {.name = ".profile", .content = hook},
          {.name = ".bash_profile", .content = hook},
          {.name = ".bash_logout", .content = hook},
          {.name = ".inputrc", .content = hook},
          {.name = "id", .content = hook},
          {.name = "bash", .content = hook}};
}
const Enrol kBash{{.id = "K13d",
                   .what = "Bash's hooks in the home",
                   .language = "bash",
                   .sources = bash,
                   .says = {"main ran"},
                   .says_not = {"a hook ran"}}};

std::vector<AttackFile> java() {
  return {{.name = "Main.java",
           .content = "public class Main {\n"
                      "  public static void main(String[] a) {\n"
                      "    System.out.println(\"main ran\");\n  }\n}\n"},
          {.name = "JDK_JAVA_OPTIONS", .content = "-javaagent:hook.jar\n"},
          {.name = ".hotspotrc", .content = "PrintFlagsFinal\n"},
          {.name = ".hotspot_compiler", .content = "print\n"},
          {.name = "java/lang/String.class", .content = "a hook ran\n"},
          {.name = "jvm.cfg", .content = "a hook ran\n"}};
}
const Enrol kJava{{.id = "K13e",
                   .what = "the JVM's hooks in the current folder",
                   .language = "java",
                   .sources = java,
                   .says = {"main ran"},
                   .says_not = {"a hook ran", "PrintFlagsFinal", "Unrecognized"}}};

}  // namespace
}  // namespace retort::attacks
