// K01: a source that includes files of the host.
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
                     .says = {"No such file"},
                     .says_not = {"root:"}}};

}  // namespace
}  // namespace retort::attacks
