// Command: placeholders to arguments.
#include "runtime/command.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/bytes.h"

namespace retort::runtime {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kLongestComponent = 255;
constexpr std::size_t kLongestName = 1024;

enum class Placeholder : std::uint8_t { main, sources, args, stem, memory_bytes, memory_mib };

struct PlaceholderInfo {
  Placeholder placeholder;
  std::string_view name;
  bool is_whole_element;
};

constexpr std::array kPlaceholders = {
    PlaceholderInfo{.placeholder = Placeholder::main, .name = "main", .is_whole_element = true},
    PlaceholderInfo{
        .placeholder = Placeholder::sources, .name = "sources", .is_whole_element = true},
    PlaceholderInfo{.placeholder = Placeholder::args, .name = "args", .is_whole_element = true},
    PlaceholderInfo{.placeholder = Placeholder::stem, .name = "stem", .is_whole_element = false},
    PlaceholderInfo{.placeholder = Placeholder::memory_bytes,
                    .name = "memory_bytes",
                    .is_whole_element = false},
    PlaceholderInfo{
        .placeholder = Placeholder::memory_mib, .name = "memory_mib", .is_whole_element = false},
};

// A piece of an element: literal text, or a placeholder.
struct Piece {
  std::string text;
  const PlaceholderInfo* info = nullptr;
};

Error invalid(std::string what) {
  return Error{Fault::invalid, std::move(what), 0};
}

std::string known_placeholders() {
  std::string text;
  for (const PlaceholderInfo& info : kPlaceholders) {
    text.append(text.empty() ? "{" : ", {").append(info.name).append("}");
  }
  return text;
}

Result<std::vector<Piece>> split(std::string_view element) {
  std::vector<Piece> pieces;
  std::string literal;
  const auto flush = [&]() {
    if (!literal.empty()) pieces.push_back({.text = std::exchange(literal, {})});
  };
  for (std::size_t i = 0; i < element.size();) {
    const std::string_view rest = element.substr(i);
    if (rest.starts_with("{{") || rest.starts_with("}}")) {
      literal += rest.front();
      i += 2;
      continue;
    }
    if (rest.front() == '}') return invalid("a '}' without its '{'; write }} for the character");
    if (rest.front() != '{') {
      literal += rest.front();
      ++i;
      continue;
    }
    const std::size_t end = rest.find('}');
    if (end == std::string_view::npos) {
      return invalid("a '{' without its '}'; write {{ for the character");
    }
    const std::string_view name = rest.substr(1, end - 1);
    const auto* const info = std::ranges::find(kPlaceholders, name, &PlaceholderInfo::name);
    if (info == kPlaceholders.end()) {
      return invalid("unknown placeholder {" + base::printable(name) + "}; known are " +
                     known_placeholders() + "; write {{ for the character {");
    }
    if (info->is_whole_element && rest.substr(0, end + 1) != element) {
      return invalid("{" + std::string(name) + "} must be an element of its own");
    }
    flush();
    pieces.push_back({.text = "", .info = info});
    i += end + 1;
  }
  flush();
  return pieces;
}

bool is_identifier(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && is_letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

bool has_extension(std::string_view file, const std::vector<std::string>& extensions) {
  return std::ranges::find(extensions, extension_of(file)) != extensions.end();
}

Result<std::string> stem_of(const std::string& main_file) {
  const std::string_view extension = extension_of(main_file);
  std::string stem = main_file;
  if (!extension.empty()) stem.resize(stem.size() - extension.size() - 1);
  if (is_identifier(stem)) return stem;
  return invalid(
      "the main file '" + base::printable(main_file) +
      "' must be named for what it defines: before the extension a letter or '_', then letters, "
      "digits and '_', in no folder");
}

Status add_sources(const CommandInputs& inputs, std::vector<std::string>& out) {
  if (!has_extension(inputs.main_file, inputs.extensions)) {
    std::string known;
    for (const std::string& extension : inputs.extensions) {
      known.append(known.empty() ? "." : ", .").append(extension);
    }
    return invalid("the main file '" + base::printable(inputs.main_file) +
                   "' has no extension of this language: " + known);
  }
  std::vector<std::string> sources = {inputs.main_file};
  for (const std::string& file : inputs.files) {
    if (file != inputs.main_file && has_extension(file, inputs.extensions)) sources.push_back(file);
  }
  for (const std::string& file : sources) {
    // gcc hands the bare name on to cc1 (-dumpbase @x.c), which reads options from the file x.c.
    if (file.substr(file.rfind('/') + 1).starts_with('@')) {
      return invalid("the source '" + base::printable(file) +
                     "' begins with '@': compilers take that for a list of options");
    }
    out.push_back("./" + file);
  }
  return {};
}

std::optional<std::string> why_not_a_component(std::string_view component) {
  if (component.empty()) return "has an empty component ('/' first, last or twice)";
  if (component == "." || component == "..") return "has a '.' or '..' component";
  if (component.size() > kLongestComponent) return "has a component of over 255 bytes";
  return std::nullopt;
}

bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    // U+0080..U+009F in UTF-8.
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<CommandFault> check_command(const std::vector<std::string>& command,
                                        StageKind kind,
                                        const std::vector<std::string>& artefacts) {
  std::vector<CommandFault> faults;
  if (command.empty()) return {{0, "must name a program"}};

  const std::string& program = command.front();
  if (program.starts_with("./") && kind == StageKind::run) {
    const std::string_view name = std::string_view(program).substr(2);
    const bool is_artefact = std::ranges::any_of(artefacts, [&](const std::string& artefact) {
      return name == artefact || name.starts_with(artefact + "/");
    });
    if (!is_artefact || !validate_file_name(name)) {
      faults.push_back({0, "'" + base::printable(program) + "' is none of compile.artefacts"});
    }
  } else if (!program.starts_with('/')) {
    faults.push_back({0,
                      kind == StageKind::run
                          ? "the program must be an absolute path, or ./ and an artefact"
                          : "the program must be an absolute path"});
  }

  for (std::size_t i = 0; i < command.size(); ++i) {
    if (command[i].find('\0') != std::string::npos) faults.push_back({i, "holds a NUL byte"});
    const auto pieces = split(command[i]);
    if (!pieces) {
      faults.push_back({i, pieces.error().what});
      continue;
    }
    for (const Piece& piece : *pieces) {
      if (piece.info == nullptr) continue;
      if (i == 0) faults.push_back({i, "the program's path takes no placeholder"});
      if (piece.info->placeholder != Placeholder::args) continue;
      if (kind == StageKind::compile) {
        faults.push_back(
            {i, "{args} is for the run stage: the user's arguments are not the compiler's"});
      } else if (i + 1 != command.size()) {
        faults.push_back({i, "{args} must be the last element"});
      }
    }
  }
  return faults;
}

Result<std::vector<std::string>> expand_command(const std::vector<std::string>& command,
                                                StageKind kind,
                                                const CommandInputs& inputs) {
  RETORT_CHECK(validate_file_name(inputs.main_file));
  for (const std::string& file : inputs.files) RETORT_CHECK(validate_file_name(file));
  if (std::ranges::find(inputs.files, inputs.main_file) == inputs.files.end()) {
    return invalid("the main file '" + base::printable(inputs.main_file) +
                   "' is not among the files");
  }
  for (const std::string& arg : inputs.args) {
    if (arg.find('\0') != std::string::npos) {
      return invalid("argument '" + base::printable(arg) + "' holds a NUL byte");
    }
  }

  std::vector<std::string> out;
  bool are_args_placed = kind == StageKind::compile;
  for (const std::string& element : command) {
    RETORT_TRY(const auto pieces, split(element));
    std::string text;
    bool is_one_element = true;
    for (const Piece& piece : pieces) {
      if (piece.info == nullptr) {
        text += piece.text;
        continue;
      }
      switch (piece.info->placeholder) {
        case Placeholder::main:
          text += "./" + inputs.main_file;
          break;
        case Placeholder::sources:
          RETORT_CHECK(add_sources(inputs, out));
          is_one_element = false;
          break;
        case Placeholder::args:
          out.insert(out.end(), inputs.args.begin(), inputs.args.end());
          are_args_placed = true;
          is_one_element = false;
          break;
        case Placeholder::stem: {
          RETORT_TRY(const auto stem, stem_of(inputs.main_file));
          text += stem;
          break;
        }
        case Placeholder::memory_bytes:
          text += std::to_string(inputs.memory.bytes());
          break;
        case Placeholder::memory_mib:
          text += std::to_string(inputs.memory.bytes() >> 20U);
          break;
      }
    }
    if (is_one_element) out.push_back(std::move(text));
  }
  if (!are_args_placed) out.insert(out.end(), inputs.args.begin(), inputs.args.end());
  return out;
}

Status validate_file_name(std::string_view name) {
  const auto refuse = [&](std::string_view why) {
    return invalid("file name '" + base::printable(name.substr(0, kLongestComponent)) + "' " +
                   std::string(why));
  };
  if (name.empty()) return refuse("is empty");
  if (name.size() > kLongestName) return refuse("is over 1024 bytes long");
  if (!base::is_utf8(name)) return refuse("is not UTF-8");
  if (has_control_character(name)) return refuse("holds a control character");
  if (name.starts_with('/'))
    return refuse("is absolute; name files relative to the program's folder");
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    if (const auto why = why_not_a_component(name.substr(start, end - start))) return refuse(*why);
    start = end + 1;
  }
  return {};
}

std::string_view extension_of(std::string_view file_name) {
  const std::string_view last = file_name.substr(file_name.rfind('/') + 1);
  const std::size_t dot = last.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  return last.substr(dot + 1);
}

Result<std::string> submitted_name(const Sample& sample, std::string_view file) {
  const std::string_view first = sample.files.empty() ? file : sample.files.front();
  const std::string_view folder = first.substr(0, first.rfind('/') + 1);
  if (!file.starts_with(folder)) {
    return invalid("'" + base::printable(file) + "' is not in the folder of the main file, '" +
                   base::printable(folder) + "'");
  }
  return std::string(file.substr(folder.size()));
}

}  // namespace retort::runtime
