// Filter page: a section a group, a row a rule.
#include "cell/filter_page.h"

#include <cctype>
#include <cstring>
#include <sstream>
#include <string>

#include "cell/filter_rules.h"

namespace retort::cell {

namespace {

std::string profile_text(Profile profile) {
  switch (profile) {
    case Profile::base:
      return "always";
    case Profile::loopback:
      return "`network = loopback`";
    case Profile::ptrace:
      return "add-on `ptrace`";
    case Profile::inotify:
      return "add-on `inotify`";
    case Profile::terminal:
      return "a terminal";
  }
  return {};  // there is no other
}

std::string hexadecimal(std::uint64_t value) {
  std::ostringstream text;
  text << (value < 10 ? "" : "0x") << std::hex << value;
  return text.str();
}

std::string arguments_text(const Rule& rule) {
  std::string text;
  for (const Condition& condition : rule.all) {
    const std::string argument = "arg" + std::to_string(condition.argument);
    const std::string value = hexadecimal(condition.value);
    text += text.empty() ? "" : ", ";
    if (condition.compare == Compare::equal) text += argument + " = " + value;
    if (condition.compare == Compare::greater) text += argument + " > " + value;
    if (condition.compare == Compare::masked_equal)
      text += argument + " & " + hexadecimal(condition.mask) + " = " + value;
  }
  if (rule.one_of.empty()) return text.empty() ? "any" : text;
  text += (text.empty() ? "arg" : ", arg") + std::to_string(rule.one_of_argument) + " in";
  for (const std::uint64_t value : rule.one_of) text += " " + hexadecimal(value);
  return text;
}

}  // namespace

void write_filter_page(std::ostream& out) {
  for (const Group& group : filter_rules()) {
    std::string reason(group.reason);
    reason.front() = static_cast<char>(std::toupper(reason.front()));
    out << "## " << reason << "\n\n";
    const char* name = group.error == 0 ? nullptr : strerrorname_np(group.error);
    out << "Profile: " << profile_text(group.profile) << ". Answer: "
        << (group.answer == Answer::allow ? "let through"
            : name == nullptr             ? "success, and nothing is done"
                                          : "`" + std::string(name) + "`")
        << ".\n\n| calls | arguments |\n|---|---|\n";
    for (const Rule& rule : group.rules) {
      out << "|";
      for (const std::string& call : call_names(rule.calls)) out << " `" << call << "`";
      out << " | " << arguments_text(rule) << " |\n";
    }
    out << "\n";
  }
}

}  // namespace retort::cell
