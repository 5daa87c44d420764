// Compile cache: who compiles, who waits, and who is next when that one goes.
#include "job/compile_cache.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <gtest/gtest.h>

namespace retort::job {
namespace {

using base::Fd;

// A shelf with nothing on it, that answers when the test says.
class EmptyShelf : public CompileCache::Shelf {
 public:
  void get(const std::string&, CompileCache::Answer answer) override {
    asked.push_back(std::move(answer));
  }
  void put(const std::string&, Fd) override { ++puts; }

  std::vector<CompileCache::Answer> asked;
  unsigned puts = 0;
};

class CompileCacheTest : public testing::Test {
 protected:
  // What it was told: "compile", "entry"; empty: nothing yet.
  CompileCache::Claim claim(std::string& told) {
    return cache_.look("key", [&told](std::optional<Fd> entry) {
      EXPECT_EQ(told, "");
      told = entry ? "entry" : "compile";
    });
  }

  EmptyShelf shelf_;
  CompileCache cache_{shelf_};
};

TEST_F(CompileCacheTest, WhenTheFirstGoesTheNextCompilesAndTheOthersGoOnWaiting) {
  std::string first;
  std::string second;
  std::string third;
  auto one = claim(first);
  auto two = claim(second);
  auto three = claim(third);
  ASSERT_EQ(shelf_.asked.size(), 1U);
  shelf_.asked.front()(std::nullopt);
  EXPECT_EQ(first + "," + second + "," + third, "compile,,");
  one.let_go();
  EXPECT_EQ(second + "," + third, "compile,");
  two.publish(Fd(::memfd_create("entry", MFD_CLOEXEC)));
  EXPECT_EQ(third, "entry");
  EXPECT_EQ(shelf_.puts, 1U);
}

TEST_F(CompileCacheTest, OneWhoWaitedAndWentIsNotNext) {
  std::string first;
  std::string second;
  std::string third;
  auto one = claim(first);
  auto two = claim(second);
  auto three = claim(third);
  shelf_.asked.front()(std::nullopt);
  two.let_go();
  EXPECT_EQ(third, "");
  one.let_go();
  EXPECT_EQ(second + "," + third, ",compile");
}

TEST_F(CompileCacheTest, AfterAFailureEachGoesItsOwnWay) {
  std::string first;
  std::string second;
  std::string third;
  auto one = claim(first);
  auto two = claim(second);
  auto three = claim(third);
  shelf_.asked.front()(std::nullopt);
  one.fail();
  EXPECT_EQ(second + "," + third, "compile,compile");
  two.publish(Fd(::memfd_create("entry", MFD_CLOEXEC)));
  EXPECT_EQ(shelf_.puts, 1U);
}

}  // namespace
}  // namespace retort::job
