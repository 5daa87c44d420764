// Tests of command.h: what a job's names and arguments can and cannot do to a command.
#include "runtime/command.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace retort::runtime {
namespace {

using base::operator""_B;
using base::operator""_MiB;
using Words = std::vector<std::string>;

CommandInputs inputs(Words files = {"main.cpp"}, Words args = {}) {
  CommandInputs in;
  in.main_file = files.empty() ? "" : files.front();
  in.files = std::move(files);
  in.extensions = {"cpp", "cc"};
  in.args = std::move(args);
  in.memory = 512_MiB;
  return in;
}

Words expand(const Words& command, StageKind kind, const CommandInputs& in) {
  const auto expanded = expand_command(command, kind, in);
  EXPECT_TRUE(expanded) << expanded.error().what;
  return expanded.value_or(Words{});
}

std::string refusal(const Words& command, const CommandInputs& in) {
  const auto expanded = expand_command(command, StageKind::run, in);
  EXPECT_FALSE(expanded);
  if (expanded) return "";
  EXPECT_EQ(expanded.error().fault, base::Fault::invalid);
  return expanded.error().what;
}

std::string faults(const Words& command, StageKind kind, const Words& artefacts = {}) {
  std::string all;
  for (const CommandFault& fault : check_command(command, kind, artefacts)) {
    all += std::to_string(fault.element) + ": " + fault.what + "\n";
  }
  return all;
}

TEST(ExpandCommand, PutsTheMainFileBehindADotSoThatItIsNoOption) {
  EXPECT_EQ(expand({"/bin/x", "{main}"}, StageKind::compile, inputs({"-o.cpp"})),
            (Words{"/bin/x", "./-o.cpp"}));
}

TEST(ExpandCommand, SourcesAreTheFilesOfTheLanguageWithTheMainFileFirst) {
  CommandInputs in = inputs({"a.cc", "lib/b.cpp", "b.h", "data.txt", "cpp", "main.cpp"});
  in.main_file = "main.cpp";
  EXPECT_EQ(expand({"/bin/x", "{sources}", "-lm"}, StageKind::compile, in),
            (Words{"/bin/x", "./main.cpp", "./a.cc", "./lib/b.cpp", "-lm"}));
}

TEST(ExpandCommand, SourcesNeedAMainFileOfTheLanguage) {
  EXPECT_EQ(refusal({"/bin/x", "{sources}"}, inputs({"prog.txt"})),
            "the main file 'prog.txt' has no extension of this language: .cpp, .cc");
}

TEST(ExpandCommand, ASourceNamedLikeAListOfOptionsIsRefused) {
  for (const char* name : {"@main.cpp", "lib/@main.cpp"}) {
    EXPECT_EQ(refusal({"/bin/x", "{sources}"}, inputs({"main.cpp", name})),
              "the source '" + std::string(name) +
                  "' begins with '@': compilers take that for a list of options");
  }
  EXPECT_EQ(expand({"/bin/x", "{sources}"}, StageKind::compile, inputs({"main.cpp", "@data"})),
            (Words{"/bin/x", "./main.cpp"}));
}

TEST(ExpandCommand, ArgumentsAreNeverReadAsPlaceholders) {
  const CommandInputs in = inputs({"main.cpp"}, {"{main}", "", "a b", "$(id)", "}"});
  const Words expected = {"./p", "{main}", "", "a b", "$(id)", "}"};
  EXPECT_EQ(expand({"./p", "{args}"}, StageKind::run, in), expected);
  EXPECT_EQ(expand({"./p"}, StageKind::run, in), expected);
}

TEST(ExpandCommand, ArgumentsStayOutOfTheCompiler) {
  EXPECT_EQ(expand({"/bin/x"}, StageKind::compile, inputs({"main.cpp"}, {"-fplugin=x"})),
            (Words{"/bin/x"}));
}

TEST(ExpandCommand, ArgumentsHoldNoNul) {
  EXPECT_EQ(refusal({"./p"}, inputs({"main.cpp"}, {std::string("a\0b", 3)})),
            "argument 'a\\x00b' holds a NUL byte");
}

TEST(ExpandCommand, StemIsTheNameOfWhatTheMainFileDefines) {
  EXPECT_EQ(expand({"/bin/x", "-m={stem}!"}, StageKind::run, inputs({"Main_2.java"})),
            (Words{"/bin/x", "-m=Main_2!"}));
  EXPECT_EQ(expand({"/bin/x", "{stem}"}, StageKind::run, inputs({"main"})),
            (Words{"/bin/x", "main"}));
  for (const char* name :
       {"2x.java", "-x.java", "a b.java", "pkg/Main.java", "a.b.java", ".java", "é.java"}) {
    EXPECT_TRUE(
        refusal({"/bin/x", "{stem}"}, inputs({name}))
            .ends_with("' must be named for what it defines: before the extension a letter or "
                       "'_', then letters, digits and '_', in no folder"))
        << name;
  }
}

TEST(ExpandCommand, MemoryIsTheLimitOfTheStage) {
  CommandInputs in = inputs();
  EXPECT_EQ(expand({"/bin/x", "-b={memory_bytes}", "{memory_mib}m"}, StageKind::run, in),
            (Words{"/bin/x", "-b=536870912", "512m"}));
  in.memory = 5'242'879_B;
  EXPECT_EQ(expand({"/bin/x", "{memory_mib}"}, StageKind::run, in), (Words{"/bin/x", "4"}));
}

TEST(ExpandCommand, DoubledBracesAreBraces) {
  EXPECT_EQ(expand({"/bin/x", "{{print}}", "{{{stem}}}"}, StageKind::run, inputs()),
            (Words{"/bin/x", "{print}", "{main}"}));
}

TEST(ExpandCommand, EveryFileNameIsChecked) {
  EXPECT_FALSE(expand_command({"/bin/x"}, StageKind::run, inputs({"main.cpp", "../x"})));
  EXPECT_FALSE(expand_command({"/bin/x"}, StageKind::run, inputs({"/main.cpp"})));
  CommandInputs in = inputs();
  in.main_file = "other.cpp";
  EXPECT_EQ(refusal({"/bin/x"}, in), "the main file 'other.cpp' is not among the files");
}

TEST(CheckCommand, AcceptsEveryPlaceholderInItsPlace) {
  EXPECT_EQ(faults({"/bin/x", "{sources}", "{main}", "a{stem}b", "{memory_bytes}{memory_mib}"},
                   StageKind::compile),
            "");
  EXPECT_EQ(faults({"./p", "{main}", "{args}"}, StageKind::run, {"p"}), "");
}

TEST(CheckCommand, NamesEveryFault) {
  EXPECT_EQ(faults({}, StageKind::run), "0: must name a program\n");
  EXPECT_EQ(faults({"/bin/x", "{source}", "-{main}", "{", "}", "{args}"}, StageKind::compile),
            "1: unknown placeholder {source}; known are {main}, {sources}, {args}, {stem}, "
            "{memory_bytes}, "
            "{memory_mib}; write {{ for the character {\n"
            "2: {main} must be an element of its own\n"
            "3: a '{' without its '}'; write {{ for the character\n"
            "4: a '}' without its '{'; write }} for the character\n"
            "5: {args} is for the run stage: the user's arguments are not the compiler's\n");
  EXPECT_EQ(faults({"/bin/x", "{args}", "y"}, StageKind::run),
            "1: {args} must be the last element\n");
  EXPECT_EQ(faults({"/bin/x", std::string("a\0", 2)}, StageKind::run), "1: holds a NUL byte\n");
  EXPECT_EQ(faults({"/bin/{stem}"}, StageKind::run),
            "0: the program's path takes no placeholder\n");
}

TEST(CheckCommand, TheProgramIsAnAbsolutePathOrAnArtefact) {
  const Words artefacts = {"p", "out"};
  EXPECT_EQ(faults({"./p"}, StageKind::run, artefacts), "");
  EXPECT_EQ(faults({"./out/bin/x"}, StageKind::run, artefacts), "");
  EXPECT_EQ(faults({"./out/../x"}, StageKind::run, artefacts),
            "0: './out/../x' is none of compile.artefacts\n");
  EXPECT_EQ(faults({"./pp"}, StageKind::run, artefacts),
            "0: './pp' is none of compile.artefacts\n");
  EXPECT_EQ(faults({"p"}, StageKind::run, artefacts),
            "0: the program must be an absolute path, or ./ and an artefact\n");
  EXPECT_EQ(faults({"./p"}, StageKind::compile, artefacts),
            "0: the program must be an absolute path\n");
}

TEST(FileName, OrdinaryAndOddNamesPass) {
  for (const char* name : {"main.c",
                           "a/b/c.h",
                           "-rf",
                           "@x",
                           " x",
                           "x ",
                           ".hidden",
                           "...",
                           "größe.py",
                           "a\\b",
                           "{main}",
                           "$(id)",
                           "a:b"}) {
    EXPECT_TRUE(validate_file_name(name)) << name;
  }
  EXPECT_TRUE(validate_file_name(std::string(255, 'a')));
  EXPECT_TRUE(validate_file_name(std::string(255, 'a') + "/" + std::string(255, 'b') + "/" +
                                 std::string(255, 'c') + "/" + std::string(256 - 1, 'd') + ""));
}

TEST(FileName, RefusalsSayWhy) {
  const auto why = [](std::string_view name) {
    const auto status = validate_file_name(name);
    return status ? "" : status.error().what;
  };
  EXPECT_EQ(why(""), "file name '' is empty");
  EXPECT_EQ(why("/etc/passwd"),
            "file name '/etc/passwd' is absolute; name files relative to the program's folder");
  EXPECT_EQ(why("a/../b"), "file name 'a/../b' has a '.' or '..' component");
  EXPECT_EQ(why(".."), "file name '..' has a '.' or '..' component");
  EXPECT_EQ(why("./a"), "file name './a' has a '.' or '..' component");
  EXPECT_EQ(why("a//b"), "file name 'a//b' has an empty component ('/' first, last or twice)");
  EXPECT_EQ(why("a/"), "file name 'a/' has an empty component ('/' first, last or twice)");
  EXPECT_EQ(why("a\nb"), "file name 'a\\x0ab' holds a control character");
  EXPECT_EQ(why(std::string_view("a\0b", 3)), "file name 'a\\x00b' holds a control character");
  EXPECT_EQ(why("a\x7f"), "file name 'a\\x7f' holds a control character");
  EXPECT_EQ(why("a\xc2\x9b"
                "b"),
            "file name 'a\\xc2\\x9bb' holds a control character");
  EXPECT_EQ(why("\xff"), "file name '\\xff' is not UTF-8");
  EXPECT_TRUE(why(std::string(256, 'a')).ends_with("has a component of over 255 bytes"));
  std::string longest = "a";
  while (longest.size() < 1023) longest += "/a";
  EXPECT_EQ(why(longest), "");
  EXPECT_TRUE(why(longest + "aa").ends_with("is over 1024 bytes long"));
}

TEST(ExtensionOf, IsWhatFollowsTheLastDotOfTheLastComponent) {
  EXPECT_EQ(extension_of("src/a.b.cpp"), "cpp");
  EXPECT_EQ(extension_of("a.d/Makefile"), "");
  EXPECT_EQ(extension_of(".profile"), "");
  EXPECT_EQ(extension_of("d/.profile"), "");
  EXPECT_EQ(extension_of("x."), "");
}

TEST(SubmittedName, IsRelativeToTheFolderOfTheFirstFile) {
  Sample sample;
  sample.files = {"samples/two/main.py", "samples/two/lib/x.py", "samples/other.py"};
  EXPECT_EQ(submitted_name(sample, sample.files[0]).value(), "main.py");
  EXPECT_EQ(submitted_name(sample, sample.files[1]).value(), "lib/x.py");
  EXPECT_FALSE(submitted_name(sample, sample.files[2]));
}

}  // namespace
}  // namespace retort::runtime
