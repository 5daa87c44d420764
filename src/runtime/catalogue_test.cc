// Tests of catalogue.h: one name, one runtime; and what is missing is said with its cure.
#include "runtime/catalogue.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace retort::runtime {
namespace {

namespace fs = std::filesystem;
using base::Fault;

class CatalogueTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "retort_catalogue_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void add(const std::string& folder, const std::string& id, const std::string& lines) {
    fs::create_directories(root_ + "/" + folder + "/" + id);
    std::ofstream(root_ + "/" + folder + "/" + id + "/runtime.toml")
        << "id = '" << id << "'\nname = '" << id << "'\nversion_command = ['/bin/x']\n"
        << lines << "\n[run]\ncommand = ['/bin/x', '{main}']\n";
  }
  base::Result<Catalogue> load(const std::vector<std::string>& folders) {
    std::vector<std::string> paths;
    for (const std::string& folder : folders) paths.push_back(root_ + "/" + folder);
    return Catalogue::load(paths);
  }

  std::string root_;
};

TEST_F(CatalogueTest, FindsByIdAliasAndFileName) {
  add("a", "zed", "aliases = ['z++']\nextensions = ['z', 'zz']\nneeds = ['/bin']\nmain = 'm.z'");
  add("b", "ack", "extensions = ['a']\nneeds = ['/bin']\nmain = 'm.a'");
  fs::create_directories(root_ + "/a/.git");
  std::ofstream(root_ + "/a/README.md") << "";
  const auto catalogue = load({"a", "b"});
  ASSERT_TRUE(catalogue) << catalogue.error().what;
  ASSERT_EQ(catalogue->entries().size(), 2U);
  EXPECT_EQ(catalogue->entries()[0].manifest.id, "ack");
  EXPECT_EQ(catalogue->find("zed").value()->manifest.id, "zed");
  EXPECT_EQ(catalogue->find("Z++").value()->manifest.id, "zed");
  EXPECT_EQ(catalogue->find_by_file("dir.a/x.y.zz").value()->manifest.id, "zed");
}

TEST_F(CatalogueTest, AnUnknownNameIsAnsweredWithTheNearest) {
  add("a", "zedlang", "extensions = ['z']\nneeds = ['/bin']\nmain = 'm.z'");
  add("a", "ack", "extensions = ['a']\nneeds = ['/bin']\nmain = 'm.a'");
  const auto catalogue = load({"a"});
  ASSERT_TRUE(catalogue) << catalogue.error().what;
  const auto slip = catalogue->find("Zedlnag");
  ASSERT_FALSE(slip);
  EXPECT_EQ(slip.error().fault, Fault::not_found);
  EXPECT_EQ(slip.error().what, "no runtime 'Zedlnag'; did you mean 'zedlang'?");
  EXPECT_EQ(catalogue->find("cobol").error().what, "no runtime 'cobol'; known are ack, zedlang");
  EXPECT_EQ(catalogue->find_by_file("x.q").error().what,
            "'x.q' tells no language: no runtime has the extension 'q'; name the language");
  EXPECT_EQ(catalogue->find_by_file("Makefile").error().what,
            "'Makefile' tells no language: it has no extension; name the language");
}

TEST_F(CatalogueTest, WhatIsMissingIsNamedWithThePackagesThatBringIt) {
  fs::create_symlink("/nowhere/x", root_ + "/dangling");
  fs::create_symlink("/bin", root_ + "/good");
  add("a",
      "zed",
      "extensions = ['z']\nneeds = ['/bin', '" + root_ + "/good', '" + root_ +
          "/dangling', '/no/such']\npackages = ['zed', 'zed-dev']\nmain = 'm.z'");
  add("a", "ack", "extensions = ['a']\nneeds = ['/no/such']\nmain = 'm.a'");
  add("a", "bee", "extensions = ['b']\nneeds = ['/bin']\nmain = 'm.b'");
  const auto catalogue = load({"a"});
  ASSERT_TRUE(catalogue) << catalogue.error().what;
  const CatalogueEntry& zed = *catalogue->find("zed").value();
  EXPECT_FALSE(zed.is_available());
  EXPECT_EQ(zed.reason(), "needs " + root_ + "/dangling, /no/such: apt-get install zed zed-dev");
  EXPECT_EQ(catalogue->find("ack").value()->reason(), "needs /no/such");
  EXPECT_TRUE(catalogue->find("bee").value()->is_available());
  EXPECT_EQ(catalogue->find("bee").value()->reason(), "");
}

TEST_F(CatalogueTest, OfTwoClaimsToOneNameTheFirstIsGoodAndTheOtherBroken) {
  add("a", "zed", "aliases = ['zz']\nextensions = ['z']\nneeds = ['/bin']\nmain = 'm.z'");
  add("b", "zed", "extensions = ['y']\nneeds = ['/bin']\nmain = 'm.y'");
  add("b", "zz", "aliases = ['q']\nextensions = ['z', 'w']\nneeds = ['/bin']\nmain = 'm.z'");
  const auto catalogue = load({"b", "a"});
  ASSERT_TRUE(catalogue) << catalogue.error().what;
  ASSERT_EQ(catalogue->entries().size(), 3U);
  const std::string a_zed = root_ + "/a/zed/runtime.toml";
  const std::string b_zed = root_ + "/b/zed/runtime.toml";
  const std::string b_zz = root_ + "/b/zz/runtime.toml";
  EXPECT_TRUE(catalogue->entries()[0].is_available());
  EXPECT_EQ(catalogue->entries()[1].faults, b_zed + ": id 'zed' is taken by " + a_zed);
  EXPECT_EQ(catalogue->entries()[2].faults,
            b_zz + ": id 'zz' is taken by " + a_zed + "\n" + b_zz + ": extension 'z' is taken by " +
                a_zed);
  for (const char* name : {"zed", "zz"}) {
    EXPECT_EQ(catalogue->find(name).value(), catalogue->entries().data()) << name;
  }
  EXPECT_EQ(catalogue->find_by_file("m.z").value(), catalogue->entries().data());
  // Names that nobody else claims say why their runtime cannot be used.
  EXPECT_TRUE(catalogue->find("q").value()->is_broken());
  EXPECT_TRUE(catalogue->find_by_file("m.w").value()->is_broken());
  EXPECT_TRUE(catalogue->find_by_file("m.y").value()->is_broken());
}

TEST_F(CatalogueTest, ABrokenManifestTakesNoNameFromASoundOne) {
  add("a", "zed", "extensions = ['z']\nneeds = ['/bin']\nmain = 'm.q'");
  add("b", "zed", "extensions = ['z']\nneeds = ['/bin']\nmain = 'm.z'");
  const auto catalogue = load({"a", "b"});
  ASSERT_TRUE(catalogue) << catalogue.error().what;
  EXPECT_EQ(catalogue->find("zed").value()->manifest.folder, root_ + "/b/zed");
  EXPECT_TRUE(catalogue->find_by_file("m.z").value()->is_available());
}

TEST_F(CatalogueTest, ABrokenManifestIsAnEntryWithItsFaultsAndTheOthersWork) {
  add("a", "zed", "extensions = ['z']\nneeds = ['/bin']\nmain = 'm.q'");
  add("a", "ack", "extensions = ['a']\nneeds = ['relative']\nmain = '/m.a'");
  add("a", "good", "extensions = ['g']\nneeds = ['/bin']\nmain = 'm.g'");
  fs::create_directories(root_ + "/a/empty");
  const auto catalogue = load({"a"});
  ASSERT_TRUE(catalogue) << catalogue.error().what;
  EXPECT_TRUE(catalogue->find("good").value()->is_available());
  const auto faults = [&](const char* id) { return catalogue->find(id).value()->faults; };
  EXPECT_NE(faults("ack").find("/a/ack/runtime.toml:5:10: needs[0]: "), std::string::npos);
  EXPECT_NE(faults("ack").find("\n" + root_ + "/a/ack/runtime.toml:6:8: main: "),
            std::string::npos);
  EXPECT_NE(faults("empty").find("/a/empty/runtime.toml: No such file"), std::string::npos);
  const CatalogueEntry& zed = *catalogue->find("zed").value();
  EXPECT_FALSE(zed.is_available());
  EXPECT_EQ(zed.reason(), zed.faults);
  EXPECT_EQ(zed.refusal().fault, Fault::unsupported);
  EXPECT_EQ(zed.refusal().what, "zed is broken:\n" + zed.faults);
  EXPECT_EQ(zed.manifest.folder, root_ + "/a/zed");
  // Their extensions are not known, so that one of them may be meant.
  EXPECT_EQ(catalogue->find_by_file("m.z").error().what,
            "'m.z' tells no language: no runtime has the extension 'z'; name the language; broken "
            "are ack, empty, zed");
}

TEST_F(CatalogueTest, AFolderThatCannotBeReadIsAnError) {
  add("a", "good", "extensions = ['g']\nneeds = ['/bin']\nmain = 'm.g'");
  const auto catalogue = load({"a", "none"});
  ASSERT_FALSE(catalogue);
  EXPECT_NE(catalogue.error().what.find("/none: No such file"), std::string::npos);
}

TEST(ShippedCatalogue, HasNoClashes) {
  const auto catalogue = Catalogue::load({RETORT_SOURCE_DIR "/runtimes"});
  ASSERT_TRUE(catalogue) << catalogue.error().what;
  for (const CatalogueEntry& entry : catalogue->entries()) EXPECT_EQ(entry.faults, "");
  EXPECT_EQ(catalogue->find("c++").value()->manifest.id, "cpp");
  EXPECT_EQ(catalogue->find_by_file("Main.java").value()->manifest.id, "java");
}

TEST(ParseLanguage, SplitsNameAndVersion) {
  const auto parts = [](std::string_view text) {
    const auto request = parse_language(text);
    return request ? request->name + "|" + request->version : request.error().what;
  };
  EXPECT_EQ(parts("python"), "python|");
  EXPECT_EQ(parts("c++@12.2"), "c++|12.2");
  EXPECT_EQ(parts("python@*"), "python|");
  EXPECT_EQ(
      parts("python@"),
      "language 'python@': names no version after '@'; write for example python or python@3.11");
  EXPECT_EQ(parts("@3"),
            "language '@3': names no language; write for example python or python@3.11");
  for (const char* text : {"", "p@3@4", "p@3 4", "p@../x", "p@3."}) {
    EXPECT_FALSE(parse_language(text)) << text;
  }
}

TEST(Version, AsksInWholeComponents) {
  EXPECT_TRUE(is_version_match("3.11.2", ""));
  EXPECT_TRUE(is_version_match("3.11.2", "3"));
  EXPECT_TRUE(is_version_match("3.11.2", "3.11"));
  EXPECT_TRUE(is_version_match("3.11.2", "3.11.2"));
  EXPECT_TRUE(is_version_match("3.11rc1", "3.11"));
  EXPECT_FALSE(is_version_match("3.11.2", "3.1"));
  EXPECT_FALSE(is_version_match("3.11.2", "3.11.2.1"));
  EXPECT_FALSE(is_version_match("3.11.2", "2"));
}

TEST(Version, IsFoundInWhatToolchainsPrint) {
  EXPECT_EQ(version_in("12.2.0\n"), "12.2.0");
  EXPECT_EQ(version_in("v20.20.2\n"), "20.20.2");
  EXPECT_EQ(version_in("javac 17.0.15\n"), "17.0.15");
  EXPECT_EQ(version_in("5.2.15(1)-release\n"), "5.2.15");
  EXPECT_EQ(version_in("python3 3.11.2"), "3.11.2");
  EXPECT_EQ(version_in("none"), "");
}

}  // namespace
}  // namespace retort::runtime
