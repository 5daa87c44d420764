// Tests of toml.h: nothing wrong in a file goes unreported.
#include "text/toml.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace retort::text {
namespace {

using base::Fault;

TomlFile read(std::string_view text) {
  auto file = TomlFile::parse(text, "f.toml");
  EXPECT_TRUE(file) << file.error().what;
  return *std::move(file);
}

std::string syntax_error(std::string_view text) {
  const auto file = TomlFile::parse(text, "f.toml");
  EXPECT_FALSE(file);
  return file ? "" : file.error().what;
}

std::string faults(TomlFile& file) {
  const auto status = file.finish();
  if (status) return "";
  EXPECT_EQ(status.error().fault, Fault::invalid);
  return status.error().what;
}

TEST(Toml, GivesEachValueByItsType) {
  TomlFile file = read(R"(
t = "text"
i = -3
b = true
l = ["a", "b"]
m = { X = "1", "y z" = "2" }
[in.ner]
t = "deep"
[[many]]
t = "one"
[[many]]
t = "two"
)");
  TomlTable root = file.root();
  EXPECT_EQ(root.text("t"), "text");
  EXPECT_EQ(root.integer("i"), -3);
  EXPECT_EQ(root.boolean("b"), true);
  EXPECT_EQ(root.texts("l"), (std::vector<std::string>{"a", "b"}));
  TomlTable map = root.table("m");
  EXPECT_EQ(map.keys(), (std::vector<std::string>{"X", "y z"}));
  EXPECT_TRUE(map.has("y z"));
  EXPECT_FALSE(map.has("y"));
  for (const std::string& key : map.keys()) EXPECT_TRUE(map.text(key));
  EXPECT_EQ(root.table("in").table("ner").text("t"), "deep");
  auto many = root.tables("many");
  ASSERT_EQ(many.size(), 2U);
  EXPECT_EQ(many[0].text("t"), "one");
  EXPECT_EQ(many[1].text("t"), "two");
  EXPECT_EQ(faults(file), "");
}

TEST(Toml, AbsentIsNotAFaultUnlessRequired) {
  TomlFile file = read("\n[t]\nx = 1\n");
  TomlTable root = file.root();
  EXPECT_EQ(root.text("no"), std::nullopt);
  EXPECT_FALSE(root.table("none").exists());
  EXPECT_EQ(root.table("none").table("deeper").required_text("k"), "");
  TomlTable table = root.table("t");
  EXPECT_EQ(table.integer("x"), 1);
  EXPECT_EQ(table.required_text("k"), "");
  EXPECT_EQ(faults(file), "f.toml:2:1: t.k: is required and missing");
}

TEST(Toml, EveryFaultIsReportedInTheOrderOfTheFile) {
  TomlFile file = read("a = 1\nb = [\"x\",\n  2]\nnmae = \"n\"\nc = 2\n[d]\ne = 1.5\n");
  TomlTable root = file.root();
  TomlTable d = root.table("d");
  EXPECT_EQ(d.text("e", "text with a unit"), std::nullopt);
  EXPECT_EQ(root.text("name"), std::nullopt);
  EXPECT_EQ(root.texts("b"), std::nullopt);
  EXPECT_EQ(root.text("a"), std::nullopt);
  root.integer("c");
  root.fault("c", "is too small");
  EXPECT_EQ(faults(file),
            "f.toml:1:5: a: must be text, not an integer\n"
            "f.toml:3:3: b[1]: must be text, not an integer\n"
            "f.toml:4:1: nmae: unknown key; did you mean 'name'?\n"
            "f.toml:5:5: c: is too small\n"
            "f.toml:7:5: d.e: must be text with a unit, not a number with a fraction");
}

TEST(Toml, UnknownKeysAreFoundInEveryTableThatWasEntered) {
  TomlFile file = read("[a]\nx = 1\n[a.b]\ny = 2\n[[c]]\n[[c]]\nz = 3\n[other]\ninner = 4\n");
  TomlTable root = file.root();
  root.table("a").table("b");
  for (TomlTable& c : root.tables("c")) c.text("stdout");
  EXPECT_EQ(faults(file),
            "f.toml:2:1: a.x: unknown key; known are b\n"
            "f.toml:4:1: a.b.y: unknown key\n"
            "f.toml:7:1: c[1].z: unknown key; known are stdout\n"
            "f.toml:8:2: other: unknown key; known are a, c");
}

TEST(Toml, WrongShapesOfTablesAreFaults) {
  TomlFile file = read("t = 1\nm = { K = 2 }\nl = \"x\"\na = [{}, 3]\nb = 'true'\n");
  TomlTable root = file.root();
  EXPECT_FALSE(root.table("t").exists());
  EXPECT_EQ(root.table("m").text("K"), std::nullopt);
  EXPECT_EQ(root.texts("l"), std::nullopt);
  EXPECT_EQ(root.tables("a").size(), 1U);
  EXPECT_EQ(root.boolean("b"), std::nullopt);
  EXPECT_EQ(faults(file),
            "f.toml:1:5: t: must be a table, not an integer\n"
            "f.toml:2:11: m.K: must be text, not an integer\n"
            "f.toml:3:5: l: must be an array of text, not text\n"
            "f.toml:4:10: a[1]: must be a table, not an integer\n"
            "f.toml:5:5: b: must be true or false, not text");
}

TEST(Toml, SyntaxErrorsNameThePlace) {
  EXPECT_TRUE(syntax_error("a = 1\nb = = 2\n").starts_with("f.toml:2:5: "))
      << syntax_error("b = =");
  EXPECT_TRUE(syntax_error("a = 1\na = 2\n").starts_with("f.toml:2:"));
  EXPECT_TRUE(syntax_error("a = \"\xff\"\n").starts_with("f.toml:1:"));
  EXPECT_TRUE(syntax_error("a = \"open").starts_with("f.toml:1:"));
  // Each ended toml++ 3.3 by an assertion.
  for (const char* text : {"[\n", "[[\n", "[=", "[a.\n", "x = {\n", "x = [\n"}) {
    EXPECT_TRUE(syntax_error(text).starts_with("f.toml:")) << text;
  }
}

// The first four ran toml++ 3.3 into undefined behaviour.
TEST(Toml, LettersBeyondAsciiNeedQuotes) {
  for (const char* text : {"\u00e9 = 1\n",
                           "b = \u00df\n",
                           "[\u00e9a]\n",
                           "b=-\"\u00df",
                           "[\u00a0a]\n",
                           "b = 1\u2028"}) {
    EXPECT_TRUE(syntax_error(text).starts_with("f.toml:1:")) << text;
  }
  TomlFile file = read("# \u00e9\n'\u00e9' = \"\u00df\\\"\u00df\"\n");
  EXPECT_EQ(file.root().text("\u00e9"), "\u00df\"\u00df");
}

TEST(Toml, KeysAreShownHarmlessly) {
  TomlFile file = read("\"\\u001b[31m\" = 1\n\"" + std::string(500, 'k') + "\" = 1\n");
  EXPECT_EQ(faults(file),
            "f.toml:1:1: \\x1b[31m: unknown key\n"
            "f.toml:2:1: " +
                std::string(64, 'k') + "...: unknown key");
}

TEST(Toml, AFloodOfFaultsIsCutShort) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "k" + std::to_string(i) + " = 1\n";
  TomlFile file = read(text);
  const std::string all = faults(file);
  EXPECT_EQ(std::ranges::count(all, '\n'), 50);
  EXPECT_TRUE(all.ends_with("f.toml: and 150 more faults")) << all;
}

// Each of these once meant as many nested tables as bytes, and a destructor that recursed into
// them.
TEST(Toml, DeepKeysAreRefusedAndDotsElsewhereAreNot) {
  std::string deep = "a";
  for (int i = 0; i < 400'000; ++i) deep += ".a";
  EXPECT_EQ(syntax_error("x = 1\n" + deep + " = 1\n"), "f.toml:2: a dotted key of over 32 parts");
  EXPECT_EQ(syntax_error("[" + deep + "]\n"), "f.toml:1: a dotted key of over 32 parts");
  EXPECT_EQ(syntax_error("x = {" + deep + " = 1}\n"), "f.toml:1: a dotted key of over 32 parts");
  std::string quoted = "''";
  for (int i = 0; i < 100'000; ++i) quoted += ".\"\\\"\"";
  EXPECT_EQ(syntax_error(quoted + " = 1\n"), "f.toml:1: a dotted key of over 32 parts");
  EXPECT_EQ(syntax_error("x = [\"\"\"a\"\"\"\"\", {" + deep + " = 1}]\n"),
            "f.toml:1: a dotted key of over 32 parts");
  EXPECT_EQ(syntax_error("x = ['''''''',\n{" + deep + " = 1}]\n"),
            "f.toml:2: a dotted key of over 32 parts");
  EXPECT_NE(syntax_error("x = " + std::string(100'000, '[') + "\n"), "");

  const std::string dots(100, '.');
  TomlFile file =
      read("# " + dots + "\na = \"" + dots + "\\\"" + dots + "\"\nb = '" + dots + "'\nc = '''\n" +
           dots + "\n'" + dots + "'''\nd = \"\"\"\n" + dots + "\\\"\"\" " + dots + "\"\"\"\ne = [" +
           []() {
             std::string numbers;
             for (int i = 0; i < 100; ++i) numbers += "1.5, ";
             return numbers;
           }() +
           "]\n");
  EXPECT_EQ(file.root().text("a"), dots + "\"" + dots);
}

TEST(Toml, LoadReadsRegularFilesOfBoundedSizeOnly) {
  std::string folder = testing::TempDir() + "retort_toml_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/f.toml";
  std::ofstream(path) << "a = 'x'\n";
  auto file = TomlFile::load(path);
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_EQ(file->root().text("a"), "x");

  std::ofstream(path) << "#" << std::string(kLargestToml - 2, ' ') << "\n";
  EXPECT_TRUE(TomlFile::load(path));
  std::ofstream(path) << "#" << std::string(kLargestToml - 1, ' ') << "\n";
  const auto large = TomlFile::load(path);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().what, path + ": over 1 MiB; Retort reads no larger TOML file");

  const auto missing = TomlFile::load(folder + "/none.toml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().fault, Fault::not_found);
  EXPECT_FALSE(TomlFile::load(folder));
  ASSERT_EQ(::mkfifo((folder + "/fifo").c_str(), 0600), 0);
  const auto fifo = TomlFile::load(folder + "/fifo");
  ASSERT_FALSE(fifo);
  EXPECT_EQ(fifo.error().what, folder + "/fifo: not a regular file");
  ::unlink((folder + "/fifo").c_str());
  ::unlink(path.c_str());
  ::rmdir(folder.c_str());
}

TEST(Toml, TellsTheLineOfAKeyAndTakesScalarsOfEachType) {
  auto file = TomlFile::parse("\na = 1\n[t]\nb = 'x'\nc = true\nd = 1.5\n", "f.toml");
  ASSERT_TRUE(file);
  TomlTable root = file->root();
  TomlTable table = root.table("t");
  EXPECT_EQ(root.line("a"), 2U);
  EXPECT_EQ(table.line("c"), 5U);
  EXPECT_EQ(table.line("none"), 0U);
  EXPECT_EQ(root.scalar("a", "a number"), TomlTable::Scalar(std::int64_t{1}));
  EXPECT_EQ(table.scalar("b", "text"), TomlTable::Scalar(std::string("x")));
  EXPECT_EQ(table.scalar("c", "true"), TomlTable::Scalar(true));
  EXPECT_FALSE(table.scalar("none", "text"));
  EXPECT_FALSE(table.scalar("d", "true, false or \"auto\""));
  const auto finished = file->finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().what,
            "f.toml:6:5: t.d: must be true, false or \"auto\", not a number with a fraction");
}

}  // namespace
}  // namespace retort::text
