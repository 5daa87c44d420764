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
  std::string first_;
  std::string second_;
  std::string third_;
  CompileCache::Claim one_ = claim(first_);
  CompileCache::Claim two_ = claim(second_);
  CompileCache::Claim three_ = claim(third_);
};

TEST_F(CompileCacheTest, WhenTheFirstGoesTheNextCompilesAndTheOthersGoOnWaiting) {
  ASSERT_EQ(shelf_.asked.size(), 1U);
  shelf_.asked.front()(std::nullopt);
  EXPECT_EQ(first_ + "," + second_ + "," + third_, "compile,,");
  one_.let_go();
  EXPECT_EQ(second_ + "," + third_, "compile,");
  two_.publish(Fd(::memfd_create("entry", MFD_CLOEXEC)));
  EXPECT_EQ(third_, "entry");
  EXPECT_EQ(shelf_.puts, 1U);
}

TEST_F(CompileCacheTest, OneWhoWaitedAndWentIsNotNext) {
  shelf_.asked.front()(std::nullopt);
  two_.let_go();
  EXPECT_EQ(third_, "");
  one_.let_go();
  EXPECT_EQ(second_ + "," + third_, ",compile");
}

TEST_F(CompileCacheTest, AfterAFailureEachGoesItsOwnWay) {
  shelf_.asked.front()(std::nullopt);
  one_.fail();
  EXPECT_EQ(second_ + "," + third_, "compile,compile");
  two_.publish(Fd(::memfd_create("entry", MFD_CLOEXEC)));
  EXPECT_EQ(shelf_.puts, 1U);
}

}  // namespace
}  // namespace retort::job
