// Command: a submission's names and arguments in a manifest's command. The input is lines, the
// first byte of which says what the rest is: `c` an element of the command, `m` the main file, `f`
// another file, `e` an extension, `a` an argument of the user's; a line `k` makes it a compile
// stage. The bytes 1 and 2 stand for a newline and a NUL.
#include "runtime/command.h"

#include <algorithm>

#include "fuzz/fuzz.h"

namespace retort::runtime {
namespace {

using fuzz::require;

struct Input {
  std::vector<std::string> command;
  StageKind kind = StageKind::run;
  CommandInputs inputs;
};

// As manifests may have them.
bool is_extension(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

Input read_input(std::string_view text) {
  Input input;
  input.inputs.memory = base::ByteSize::of_bytes(300'000'000);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const char what = line.front();
    line.erase(0, 1);
    std::ranges::replace(line, '\1', '\n');
    std::ranges::replace(line, '\2', '\0');
    if (what == 'c') input.command.push_back(line);
    if (what == 'm') input.inputs.main_file = line;
    if (what == 'm' || what == 'f') input.inputs.files.push_back(line);
    if (what == 'e' && is_extension(line)) input.inputs.extensions.push_back(line);
    if (what == 'a') input.inputs.args.push_back(line);
    if (what == 'k') input.kind = StageKind::compile;
  }
  return input;
}

// The promise, said in another way than validate_file_name does.
void check_name(const std::string& name) {
  if (const auto status = validate_file_name(name); !status) {
    require(fuzz::is_plain(status.error().what), "a refusal is fit for a terminal");
    return;
  }
  require(!name.empty() && name.size() <= 1024, "a name has a length");
  require(name.front() != '/' && name.back() != '/', "a name is relative, and a file's");
  require(("/" + name + "/").find("/../") == std::string::npos, "a name leads nowhere else");
  require(("/" + name + "/").find("/./") == std::string::npos, "a name is said in one way");
  require(name.find("//") == std::string::npos, "a name is said in one way");
  require(fuzz::is_plain(name) && name.find('\n') == std::string::npos, "no control characters");
  for (std::size_t i = 0; i + 1 < name.size(); ++i) {
    require(name[i] != '\xC2' || static_cast<unsigned char>(name[i + 1]) >= 0xA0,
            "no control characters of the second kind");
  }
}

std::string without_escapes(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{' || text[i] == '}') text.erase(i + 1, 1);
  }
  return text;
}

long count_options(const std::vector<std::string>& words) {
  return std::ranges::count_if(words, [](const std::string& word) {
    return word.starts_with('-') || word.starts_with('@');
  });
}

void check_words(const Input& input, std::vector<std::string> words) {
  for (const std::string& word : words)
    require(word.find('\0') == std::string::npos, "no word breaks off at a NUL");
  require(words.size() >= input.inputs.args.size() || input.kind == StageKind::compile,
          "a run stage gets the user's arguments");
  if (input.kind == StageKind::run) {
    const auto first = words.end() - static_cast<std::ptrdiff_t>(input.inputs.args.size());
    require(std::equal(first, words.end(), input.inputs.args.begin()),
            "the user's arguments are as they came, and last");
    words.erase(first, words.end());
  }
  require(!words.empty() && words.front() == without_escapes(input.command.front()),
          "the program is the manifest's");
  require(count_options(words) == count_options(input.command),
          "no name becomes an option of the manifest's program");
}

void check(const Input& input) {
  for (const std::string& file : input.inputs.files) check_name(file);
  const std::vector<std::string> artefacts = {"main", "classes"};
  const auto faults = check_command(input.command, input.kind, artefacts);
  for (const CommandFault& fault : faults) {
    require(fuzz::is_plain(fault.what), "a fault is fit for a terminal");
    require(fault.element < std::max<std::size_t>(input.command.size(), 1),
            "a fault is that of an element");
  }
  if (!faults.empty()) return;
  const auto words = expand_command(input.command, input.kind, input.inputs);
  if (words) {
    for (const std::string& file : input.inputs.files)
      require(validate_file_name(file).has_value(), "a job's files have sound names");
    check_words(input, *words);
  } else {
    require(fuzz::is_plain(words.error().what), "a refusal is fit for a terminal");
  }
}

}  // namespace
}  // namespace retort::runtime

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  retort::runtime::check(retort::runtime::read_input(retort::fuzz::text_of(data, size)));
  return 0;
}
