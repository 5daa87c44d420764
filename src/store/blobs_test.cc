// Blobs: whole or not at all, seen by those who have sent them, and kept while they are used.
#include "store/blobs.h"

#include <thread>

#include "store/test_support.h"

namespace retort::store {
namespace {

using base::ByteSize;
using base::Fault;

constexpr ByteSize kLimit = ByteSize::of_bytes(1000);
constexpr ByteSize kPlenty = ByteSize::of_bytes(std::uint64_t{1} << 40);

base::Status send(Blobs& blobs,
                  const std::string& owner,
                  const std::string& content,
                  std::int64_t now_us = 1) {
  RETORT_TRY(Upload upload,
             blobs.upload(text::sha256_hex(content), ByteSize::of_bytes(content.size())));
  const std::size_t half = content.size() / 2;
  RETORT_CHECK(upload.append(std::string_view(content).substr(0, half)));
  RETORT_CHECK(upload.append(std::string_view(content).substr(half)));
  RETORT_TRY(const bool has_room, upload.commit(owner, kPlenty, now_us));
  if (!has_room) return base::Error{Fault::internal, "there is plenty", 0};
  return {};
}

std::string read_all(const base::Fd& file) {
  std::string text(100000, '\0');
  text.resize(*kernel::read_full(file, std::as_writable_bytes(std::span(text))));
  return text;
}

class BlobsTest : public testing::Test {
 protected:
  void reopen() {
    blobs_ = nullptr;
    blobs_ = *Blobs::open(*database_, folder_.descriptor());
  }
  [[nodiscard]] std::size_t files() const { return files_below(folder_ / "blobs"); }
  [[nodiscard]] std::string path_of(const std::string& content) const {
    const std::string name = text::sha256_hex(content);
    return folder_ / ("blobs/" + name.substr(0, 2) + "/" + name.substr(2));
  }
  bool has(const std::string& owner, const std::string& content, std::int64_t now_us = 1) {
    const auto blob = blobs_->open(owner, text::sha256_hex(content), now_us);
    if (!blob) EXPECT_EQ(blob.error().fault, Fault::not_found) << blob.error().what;
    return blob.has_value();
  }

  TestFolder folder_;
  std::unique_ptr<Database> database_ = open_database(folder_);
  std::unique_ptr<Blobs> blobs_ = *Blobs::open(*database_, folder_.descriptor());
};

TEST_F(BlobsTest, ReturnsWhatWasSentReadOnly) {
  const std::string content("some\0bytes", 10);
  ASSERT_TRUE(send(*blobs_, "alice", content));
  const auto blob = blobs_->open("alice", text::sha256_hex(content), 2);
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->size, content.size());
  EXPECT_EQ(read_all(blob->file), content);
  EXPECT_EQ(::fcntl(blob->file.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_EQ(content_of(path_of(content)), content);
  EXPECT_EQ(files(), 1U);
}

TEST_F(BlobsTest, AnOwnerHasNoMoreThanItsBoundHoweverManyUploadsThereAreAtOneTime) {
  constexpr ByteSize kMost = ByteSize::of_bytes(10);
  const auto upload = [&](const std::string& content) {
    auto begun = blobs_->upload(text::sha256_hex(content), kLimit);
    EXPECT_TRUE(begun && begun->append(content));
    return *std::move(begun);
  };
  Upload first = upload("sixsix");
  auto second = std::make_optional(upload("sevensv"));
  Upload third = upload("four");
  EXPECT_TRUE(first.commit("alice", kMost, 1).value());
  EXPECT_FALSE(second->commit("alice", kMost, 1).value());
  second.reset();
  EXPECT_FALSE(has("alice", "sevensv"));
  EXPECT_TRUE(third.commit("alice", kMost, 1).value()) << "the bound itself is allowed";
  EXPECT_EQ(files(), 2U) << "of what was refused nothing is left";
  EXPECT_TRUE(upload("sixsix").commit("alice", kMost, 1).value()) << "again takes no more room";
  EXPECT_TRUE(upload("sevensv").commit("bob", kMost, 1).value()) << "each has a bound of its own";
  ASSERT_TRUE(blobs_->remove("alice", text::sha256_hex("sixsix")).value());
  EXPECT_TRUE(blobs_->has_room("alice", text::sha256_hex("x"), 6, kMost).value());
  EXPECT_FALSE(blobs_->has_room("alice", text::sha256_hex("x"), 7, kMost).value());
}

TEST_F(BlobsTest, AnEmptyBlobIsOne) {
  ASSERT_TRUE(send(*blobs_, "alice", ""));
  EXPECT_EQ(blobs_->open("alice", text::sha256_hex(""), 1)->size, 0U);
}

TEST_F(BlobsTest, IsRefusedWhenItIsNotWhatWasClaimed) {
  auto upload = blobs_->upload(text::sha256_hex("this"), kLimit);
  ASSERT_TRUE(upload->append("that"));
  const auto committed = upload->commit("alice", kPlenty, 1);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().fault, Fault::invalid);
  EXPECT_NE(committed.error().what.find(text::sha256_hex("that")), std::string::npos);
  EXPECT_FALSE(upload->append("more"));
  EXPECT_FALSE(upload->commit("alice", kPlenty, 1));
  EXPECT_FALSE(has("alice", "this"));
  EXPECT_FALSE(has("alice", "that"));
}

TEST_F(BlobsTest, AnAbandonedUploadLeavesNothing) {
  {
    auto upload = blobs_->upload(text::sha256_hex("this"), kLimit);
    ASSERT_TRUE(upload->append("th"));
    EXPECT_EQ(files(), 1U);
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(BlobsTest, IsBoundToTheByte) {
  const std::string content(1000, 'x');
  auto upload = blobs_->upload(text::sha256_hex(content), kLimit);
  ASSERT_TRUE(upload->append(content));
  EXPECT_EQ(upload->size(), 1000U);
  ASSERT_TRUE(upload->commit("alice", kPlenty, 1));
  auto longer = blobs_->upload(text::sha256_hex(content + "x"), kLimit);
  ASSERT_TRUE(longer->append(content));
  EXPECT_EQ(longer->append("x").error().fault, Fault::invalid);
  EXPECT_FALSE(longer->commit("alice", kPlenty, 1));
}

TEST_F(BlobsTest, ANameIsADigestAndNothingElse) {
  for (const std::string& name : {std::string(),
                                  std::string("../../etc/passwd"),
                                  std::string(64, '.'),
                                  "../" + std::string(61, 'a'),
                                  std::string(64, 'A'),
                                  std::string(65, 'a'),
                                  std::string(63, 'a') + std::string(1, '\0')}) {
    EXPECT_EQ(blobs_->upload(name, kLimit).error().fault, Fault::invalid);
    EXPECT_EQ(blobs_->open("alice", name, 1).error().fault, Fault::invalid);
    EXPECT_EQ(blobs_->remove("alice", name).error().fault, Fault::invalid);
  }
}

TEST_F(BlobsTest, IsSeenOnlyByThoseWhoHaveSentAllOfIt) {
  ASSERT_TRUE(send(*blobs_, "alice", "secret"));
  EXPECT_TRUE(has("alice", "secret"));
  const auto unseen = blobs_->open("bob", text::sha256_hex("secret"), 1);
  const auto absent = blobs_->open("bob", text::sha256_hex("absent"), 1);
  ASSERT_FALSE(unseen);
  EXPECT_EQ(unseen.error().fault, Fault::not_found);
  EXPECT_EQ(unseen.error().what.size(), absent.error().what.size()) << "the same words";
  {
    auto upload = blobs_->upload(text::sha256_hex("secret"), kLimit);
    ASSERT_TRUE(upload->append("secre"));
    EXPECT_FALSE(upload->commit("bob", kPlenty, 1));
  }
  EXPECT_FALSE(has("bob", "secret"));
  EXPECT_FALSE(*blobs_->remove("bob", text::sha256_hex("secret")));
  ASSERT_TRUE(send(*blobs_, "bob", "secret"));
  EXPECT_TRUE(has("bob", "secret"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(BlobsTest, TheFileStaysUntilItsLastOwnerRemovesIt) {
  ASSERT_TRUE(send(*blobs_, "alice", "shared"));
  ASSERT_TRUE(send(*blobs_, "bob", "shared"));
  EXPECT_TRUE(*blobs_->remove("alice", text::sha256_hex("shared")));
  EXPECT_FALSE(has("alice", "shared"));
  EXPECT_TRUE(has("bob", "shared"));
  EXPECT_TRUE(*blobs_->remove("bob", text::sha256_hex("shared")));
  EXPECT_EQ(files(), 0U);
}

TEST_F(BlobsTest, UsageCountsAFileOnceAndAnOwnersShareWhole) {
  ASSERT_TRUE(send(*blobs_, "alice", "shared"));
  ASSERT_TRUE(send(*blobs_, "bob", "shared"));
  ASSERT_TRUE(send(*blobs_, "bob", "own"));
  EXPECT_EQ(blobs_->usage()->blobs, 2);
  EXPECT_EQ(blobs_->usage()->bytes, 9);
  EXPECT_EQ(blobs_->usage("alice")->bytes, 6);
  EXPECT_EQ(blobs_->usage("bob")->bytes, 9);
  EXPECT_EQ(blobs_->usage("carol")->blobs, 0);
}

TEST_F(BlobsTest, TheLeastRecentlyUsedGoFirst) {
  constexpr std::int64_t kHour = 3'600'000'000;
  ASSERT_TRUE(send(*blobs_, "alice", "aaaaaaaaaa", 1));
  ASSERT_TRUE(send(*blobs_, "alice", "bbbbbbbbbb", 2));
  ASSERT_TRUE(send(*blobs_, "alice", "cccccccccc", 3));
  ASSERT_TRUE(has("alice", "aaaaaaaaaa", kHour));
  EXPECT_EQ(*blobs_->evict(0, ByteSize::of_bytes(30)), 0);
  EXPECT_EQ(*blobs_->evict(0, ByteSize::of_bytes(29)), 1);
  EXPECT_FALSE(has("alice", "bbbbbbbbbb"));
  EXPECT_EQ(*blobs_->evict(kHour, kPlenty), 1);
  EXPECT_FALSE(has("alice", "cccccccccc"));
  EXPECT_TRUE(has("alice", "aaaaaaaaaa"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(BlobsTest, AnOwnerWhoHasNotUsedItLosesSightOfItAloneWhenItIsOld) {
  ASSERT_TRUE(send(*blobs_, "alice", "shared", 1));
  ASSERT_TRUE(send(*blobs_, "bob", "shared", 100));
  EXPECT_EQ(*blobs_->evict(50, kPlenty), 0);
  EXPECT_FALSE(has("alice", "shared"));
  EXPECT_TRUE(has("bob", "shared"));
}

TEST_F(BlobsTest, WhatAJobHoldsIsNotEvicted) {
  ASSERT_TRUE(send(*blobs_, "alice", "used", 1));
  ASSERT_TRUE(send(*blobs_, "alice", "idle", 2));
  auto one = blobs_->open("alice", text::sha256_hex("used"), 1);
  auto other = blobs_->open("alice", text::sha256_hex("used"), 1);
  EXPECT_EQ(*blobs_->evict(1000, ByteSize()), 1);
  EXPECT_TRUE(has("alice", "used"));
  EXPECT_FALSE(has("alice", "idle"));
  one->hold.reset();
  EXPECT_EQ(*blobs_->evict(1000, ByteSize()), 0);
  // As a job does, on a thread of its own.
  std::thread([hold = std::move(other->hold)]() mutable { hold.reset(); }).join();
  EXPECT_EQ(*blobs_->evict(1000, ByteSize()), 1);
  EXPECT_EQ(files(), 0U);
}

TEST_F(BlobsTest, WhatIsRemovedWhileAJobHoldsItGoesAfterwards) {
  ASSERT_TRUE(send(*blobs_, "alice", "used"));
  auto blob = blobs_->open("alice", text::sha256_hex("used"), 1);
  EXPECT_TRUE(*blobs_->remove("alice", text::sha256_hex("used")));
  EXPECT_FALSE(has("alice", "used"));
  EXPECT_EQ(*blobs_->evict(0, kPlenty), 0);
  EXPECT_EQ(read_all(blob->file), "used");
  blob->hold.reset();
  EXPECT_EQ(*blobs_->evict(0, kPlenty), 1);
  EXPECT_EQ(files(), 0U);
}

TEST_F(BlobsTest, WhatIsSentAgainAfterItsRemovalStays) {
  ASSERT_TRUE(send(*blobs_, "alice", "used"));
  auto blob = blobs_->open("alice", text::sha256_hex("used"), 1);
  EXPECT_TRUE(*blobs_->remove("alice", text::sha256_hex("used")));
  ASSERT_TRUE(send(*blobs_, "alice", "used"));
  blob->hold.reset();
  EXPECT_EQ(*blobs_->evict(0, kPlenty), 0);
  EXPECT_TRUE(has("alice", "used"));
}

TEST_F(BlobsTest, AStartRemovesLeftoversAndForgetsWhatIsMissing) {
  ASSERT_TRUE(send(*blobs_, "alice", "kept"));
  ASSERT_TRUE(send(*blobs_, "alice", "lost"));
  blobs_ = nullptr;
  write_content(folder_ / "blobs/tmp/half", "half of an upl");
  const std::string nobodys = path_of("nobody's");
  std::filesystem::create_directories(std::filesystem::path(nobodys).parent_path());
  write_content(nobodys, "nobody's");
  std::filesystem::remove(path_of("lost"));
  reopen();
  EXPECT_EQ(files(), 1U);
  EXPECT_TRUE(has("alice", "kept"));
  EXPECT_FALSE(has("alice", "lost"));
  EXPECT_EQ(blobs_->usage()->blobs, 1);
}

TEST_F(BlobsTest, ADamagedFileIsNotServedAndSendingItAgainMendsIt) {
  ASSERT_TRUE(send(*blobs_, "alice", "content"));
  ASSERT_EQ(::chmod(path_of("content").c_str(), 0600), 0);
  write_content(path_of("content"), "cont");
  EXPECT_EQ(blobs_->open("alice", text::sha256_hex("content"), 1).error().fault, Fault::internal);
  std::filesystem::remove(path_of("content"));
  ASSERT_EQ(::symlink("/etc/passwd", path_of("content").c_str()), 0);
  EXPECT_FALSE(blobs_->open("alice", text::sha256_hex("content"), 1));
  ASSERT_TRUE(send(*blobs_, "bob", "content"));
  EXPECT_EQ(read_all(blobs_->open("alice", text::sha256_hex("content"), 1)->file), "content");
}

TEST(BlobsAfterACrash, AreThereWhenTheyWereCommittedAndLeaveNothingElse) {
  const TestFolder folder;
  ASSERT_TRUE(run_and_kill(folder, [&](Database& database) {
    auto blobs = *Blobs::open(database, folder.descriptor());
    if (!send(*blobs, "alice", "whole")) return false;
    auto upload = blobs->upload(text::sha256_hex("half"), kLimit);
    if (upload && upload->append("ha")) ::raise(SIGKILL);
    return false;
  }));
  EXPECT_EQ(files_below(folder / "blobs"), 2U);
  const auto database = open_database(folder);
  const auto blobs = *Blobs::open(*database, folder.descriptor());
  EXPECT_EQ(files_below(folder / "blobs"), 1U);
  EXPECT_EQ(read_all(blobs->open("alice", text::sha256_hex("whole"), 1)->file), "whole");
}

TEST(BlobsOnAFullDisk, AreExhaustedAndLeaveNothing) {
  const TestFolder folder;
  const auto database = open_database(folder);
  if (!mount_small(folder / "small", "256k")) GTEST_SKIP() << "only root can mount a small disk";
  const auto state = *open_state_folder(folder / "small");
  const auto blobs = *Blobs::open(*database, state);
  ASSERT_TRUE(send(*blobs, "alice", "small"));
  const std::string large(std::size_t{1} << 20U, 'x');
  const auto sent = send(*blobs, "alice", large);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().fault, Fault::exhausted) << sent.error().what;
  EXPECT_EQ(files_below(folder / "small"), 1U);
  EXPECT_EQ(blobs->usage()->blobs, 1);
  ASSERT_TRUE(send(*blobs, "alice", std::string(100000, 'y'))) << "there is room again";
}

// The blob is written, and then there is no room for the row that says whose it is.
TEST(BlobsOnAFullDisk, LeaveNothingWhenTheDatabaseHasNoRoom) {
  const TestFolder folder;
  if (!mount_small(folder / "small", "512k")) GTEST_SKIP() << "only root can mount a small disk";
  const auto database = *Database::open(folder / "small/state.db", Database::Check::none);
  const auto blobs = *Blobs::open(*database, folder.descriptor());
  write_content(folder / "small/filler", std::string(std::size_t{1} << 20U, 'x'));
  const auto sent = send(*blobs, "alice", "content");
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().fault, Fault::exhausted) << sent.error().what;
  EXPECT_EQ(files_below(folder / "blobs"), 0U);
  std::filesystem::remove(folder / "small/filler");
  EXPECT_TRUE(send(*blobs, "alice", "content"));
}

// That it was used is noted in the database, now and then.
TEST(BlobsOnAFullDisk, CanBeReadStill) {
  const TestFolder folder;
  if (!mount_small(folder / "small", "512k")) GTEST_SKIP() << "only root can mount a small disk";
  const auto database = *Database::open(folder / "small/state.db", Database::Check::none);
  const auto blobs = *Blobs::open(*database, folder.descriptor());
  ASSERT_TRUE(send(*blobs, "alice", "content"));
  write_content(folder / "small/filler", std::string(std::size_t{1} << 20U, 'x'));
  constexpr std::int64_t kMuchLater = 3'600'000'000;
  const auto blob = blobs->open("alice", text::sha256_hex("content"), kMuchLater);
  ASSERT_TRUE(blob) << blob.error().what;
  EXPECT_EQ(read_all(blob->file), "content");
}

}  // namespace
}  // namespace retort::store
