// StateFolder: one server, and nobody else's files.
#include "store/state_folder.h"

#include "store/test_support.h"

namespace retort::store {
namespace {

TEST(StateFolder, IsMadeForItsOwnerAlone) {
  const TestFolder folder;
  const std::string path = folder / "new";
  ASSERT_TRUE(open_state_folder(path));
  struct stat facts{};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0700U);
}

TEST(StateFolder, IsRefusedWhenOthersCanWriteToIt) {
  const TestFolder folder;
  for (const mode_t mode : {mode_t{0770}, mode_t{0702}}) {
    ASSERT_EQ(::chmod(folder.path().c_str(), mode), 0);
    const auto opened = open_state_folder(folder.path());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().fault, base::Fault::denied);
    EXPECT_NE(opened.error().what.find(folder.path()), std::string::npos);
  }
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  EXPECT_TRUE(open_state_folder(folder.path()));
}

TEST(StateFolder, HasOneServerWhichTheRefusalNames) {
  const TestFolder folder;
  const auto lock = lock_state_folder(folder.descriptor(), folder.path());
  ASSERT_TRUE(lock);
  const auto second = lock_state_folder(folder.descriptor(), folder.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, base::Fault::busy);
  EXPECT_NE(second.error().what.find(folder.path()), std::string::npos);
  EXPECT_NE(second.error().what.find("process " + std::to_string(::getpid()) + ";"),
            std::string::npos);
  EXPECT_EQ(second.error().what.find('\n'), std::string::npos);
}

TEST(StateFolder, IsFreeWhenItsServerWasKilled) {
  const TestFolder folder;
  ASSERT_TRUE(run_and_kill(folder, [&](Database&) {
    auto lock = lock_state_folder(folder.descriptor(), folder.path());
    const bool locked = lock.has_value();
    if (locked) (void)lock->release();
    return locked;
  }));
  EXPECT_TRUE(lock_state_folder(folder.descriptor(), folder.path()));
}

}  // namespace
}  // namespace retort::store
