// Cache: what comes out is what went in under this key, or nothing.
#include "store/cache.h"

#include <sys/mman.h>

#include "store/cache_entry.h"
#include "store/test_support.h"
#include "text/digest.h"

namespace retort::store {
namespace {

using base::ByteSize;
using base::Fault;
using base::Fd;

constexpr CacheBounds kBounds{.most = ByteSize::of_bytes(std::uint64_t{1} << 30U),
                              .oldest = std::chrono::hours(24)};
constexpr std::int64_t kNow = 1'800'000'000'000'000;

Fd memory_of(std::string_view content) {
  Fd file = *kernel::make_memory_file("test");
  EXPECT_TRUE(kernel::write_all(file, content));
  return file;
}

std::string read_all(const Fd& file) {
  std::string text(std::size_t{4} << 20U, '\0');
  text.resize(*kernel::read_full(file, std::as_writable_bytes(std::span(text))));
  return text;
}

std::string key_of(const std::string& name) {
  return text::sha256_hex(name);
}

class CacheTest : public testing::Test {
 protected:
  bool put(const std::string& name, std::string_view content, std::int64_t now_us = kNow) {
    const auto done = cache_.put(key_of(name), memory_of(content), now_us);
    EXPECT_TRUE(done) << done.error().what;
    return done.has_value();
  }
  // What comes out; "(miss)" for a miss.
  std::string get(const std::string& name, std::int64_t now_us = kNow) {
    const auto content = cache_.get(key_of(name), now_us);
    if (content) return read_all(*content);
    EXPECT_EQ(content.error().fault, Fault::not_found) << content.error().what;
    return "(miss)";
  }
  [[nodiscard]] std::string path_of(const std::string& name) const {
    return folder_ / ("cache/" + key_of(name));
  }
  // `name`'s entry was replaced: it is refused once, and gone.
  void expect_refused(const std::string& name, std::string_view how) {
    const std::uint64_t refused = cache_.figures().refused;
    EXPECT_EQ(get(name), "(miss)") << how;
    EXPECT_EQ(cache_.figures().refused, refused + 1) << how;
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(path_of(name)))) << how;
  }
  void reopen(CacheBounds bounds = kBounds) { cache_ = *Cache::open(folder_.descriptor(), bounds); }

  TestFolder folder_;
  Cache cache_ = *Cache::open(folder_.descriptor(), kBounds);
};

TEST_F(CacheTest, ReturnsWhatWasPutInASealedMemoryFile) {
  std::string content;
  for (int i = 0; i < 1'000'000; ++i) content += static_cast<char>(i * 31 >> 3);
  ASSERT_TRUE(put("a", content));
  ASSERT_TRUE(put("empty", ""));
  const auto file = cache_.get(key_of("a"), kNow);
  ASSERT_TRUE(file);
  EXPECT_EQ(::fcntl(file->get(), F_GET_SEALS),
            F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  EXPECT_EQ(read_all(*file), content);
  EXPECT_EQ(get("empty"), "");
  EXPECT_EQ(get("never"), "(miss)");
}

TEST_F(CacheTest, KeepsEntriesOverARestart) {
  ASSERT_TRUE(put("a", "content"));
  const std::uint64_t bytes = cache_.figures().bytes;
  reopen();
  EXPECT_EQ(cache_.figures().entries, 1U);
  EXPECT_EQ(cache_.figures().bytes, bytes);
  EXPECT_EQ(get("a"), "content");
}

TEST_F(CacheTest, ANewEntryTakesThePlaceOfTheOld) {
  ASSERT_TRUE(put("a", "old content"));
  ASSERT_TRUE(put("a", "new"));
  EXPECT_EQ(get("a"), "new");
  EXPECT_EQ(cache_.figures().entries, 1U);
  EXPECT_EQ(cache_.figures().bytes, kCacheHeaderBytes + 3);
}

TEST_F(CacheTest, AnEntryWithAnyByteChangedIsNeverServed) {
  ASSERT_TRUE(put("a", "the content of the entry"));
  const std::string whole = content_of(path_of("a"));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const unsigned change : {0x01U, 0x80U, 0xFFU}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ change);
      write_content(path_of("a"), changed);
      expect_refused("a", "byte " + std::to_string(i));
    }
  }
  write_content(path_of("a"), whole);
  EXPECT_EQ(get("a"), "the content of the entry") << "the entry itself was sound";
}

TEST_F(CacheTest, AnEntryOfAnyOtherLengthIsNeverServed) {
  ASSERT_TRUE(put("a", "content"));
  const std::string whole = content_of(path_of("a"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_content(path_of("a"), whole.substr(0, length));
    expect_refused("a", "cut to " + std::to_string(length));
  }
  write_content(path_of("a"), whole + std::string(1, '\0'));
  expect_refused("a", "prolonged");
}

TEST_F(CacheTest, AnEntryUnderAnotherKeyIsNeverServed) {
  ASSERT_TRUE(put("a", "content"));
  std::filesystem::copy_file(path_of("a"), path_of("b"));
  expect_refused("b", "renamed");
  EXPECT_EQ(get("a"), "content");
}

TEST_F(CacheTest, AnEntryOfAnotherSecretIsNeverServed) {
  ASSERT_TRUE(put("a", "content"));
  std::filesystem::remove(folder_ / "cache.secret");
  reopen();
  EXPECT_EQ(cache_.figures().entries, 1U);
  expect_refused("a", "another secret");
  EXPECT_EQ(cache_.figures().entries, 0U);
  EXPECT_EQ(cache_.figures().bytes, 0U);
}

TEST_F(CacheTest, WhatIsNoFileIsNeverServedNorWaitedFor) {
  ASSERT_TRUE(put("a", "content"));
  std::filesystem::rename(path_of("a"), folder_ / "elsewhere");
  ASSERT_EQ(::symlink((folder_ / "elsewhere").c_str(), path_of("a").c_str()), 0);
  expect_refused("a", "a symbolic link");
  EXPECT_TRUE(std::filesystem::exists(folder_ / "elsewhere"));
  ASSERT_EQ(::mkfifo(path_of("a").c_str(), 0600), 0);
  expect_refused("a", "a FIFO");
  ASSERT_EQ(::mkdir(path_of("a").c_str(), 0700), 0);
  expect_refused("a", "a folder");
}

TEST_F(CacheTest, WhatIsReadStaysWhatWasVerified) {
  ASSERT_TRUE(put("a", "content"));
  const auto file = cache_.get(key_of("a"), kNow);
  ASSERT_TRUE(file);
  write_content(path_of("a"), "poison");
  EXPECT_EQ(read_all(*file), "content");
  EXPECT_EQ(::pwrite(file->get(), "x", 1, 0), -1);
}

TEST_F(CacheTest, AKeyIsADigestAndNothingElse) {
  const Fd content = memory_of("content");
  for (const std::string& key : {std::string(),
                                 std::string("../cache.secret"),
                                 std::string(64, '.'),
                                 "../" + std::string(61, 'a'),
                                 std::string(64, 'A'),
                                 std::string(65, 'a'),
                                 std::string(63, 'a') + std::string(1, '\0')}) {
    EXPECT_EQ(cache_.put(key, content, kNow).error().fault, Fault::invalid);
    EXPECT_EQ(cache_.get(key, kNow).error().fault, Fault::invalid);
  }
}

TEST_F(CacheTest, TheSecretIsItsOwnersAloneAndNeverTheSame) {
  struct stat facts{};
  ASSERT_EQ(::stat((folder_ / "cache.secret").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0600U);
  EXPECT_EQ(facts.st_size, 32);
  const TestFolder other;
  ASSERT_TRUE(Cache::open(other.descriptor(), kBounds));
  EXPECT_NE(content_of(folder_ / "cache.secret"), content_of(other / "cache.secret"));
}

TEST_F(CacheTest, ASecretThatIsNoneIsRefused) {
  const std::string path = folder_ / "cache.secret";
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  auto opened = Cache::open(folder_.descriptor(), kBounds);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::denied);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  for (const std::size_t size : {0U, 31U, 33U}) {
    write_content(path, std::string(size, 'x'));
    opened = Cache::open(folder_.descriptor(), kBounds);
    ASSERT_FALSE(opened) << size;
    EXPECT_NE(opened.error().what.find("cache.secret"), std::string::npos);
  }
}

TEST_F(CacheTest, TheLeastRecentlyUsedGoWhenItIsTooLarge) {
  reopen({.most = ByteSize::of_bytes(3 * (kCacheHeaderBytes + 100)), .oldest = kBounds.oldest});
  const std::string content(100, 'x');
  ASSERT_TRUE(put("a", content, kNow));
  ASSERT_TRUE(put("b", content, kNow + 1));
  ASSERT_TRUE(put("c", content, kNow + 2));
  EXPECT_EQ(get("a", kNow + 3), content);
  ASSERT_TRUE(put("d", content, kNow + 4));
  EXPECT_EQ(get("b", kNow + 5), "(miss)");
  EXPECT_EQ(get("a", kNow + 5), content);
  EXPECT_EQ(get("c", kNow + 6), content);
  EXPECT_EQ(get("d", kNow + 7), content);
  EXPECT_EQ(files_below(folder_ / "cache"), 3U);
  const auto large =
      cache_.put(key_of("e"), memory_of(std::string(3 * (kCacheHeaderBytes + 100), 'x')), kNow);
  EXPECT_EQ(large.error().fault, Fault::exhausted);
  EXPECT_EQ(cache_.figures().entries, 3U) << "what cannot be kept drives nothing out";
}

TEST_F(CacheTest, ARestartRemembersWhatWasUsedLast) {
  const std::string content(100, 'x');
  ASSERT_TRUE(put("a", content, kNow));
  ASSERT_TRUE(put("b", content, kNow + 1));
  EXPECT_EQ(get("a", kNow + 2), content);
  reopen({.most = ByteSize::of_bytes(kCacheHeaderBytes + 100), .oldest = kBounds.oldest});
  EXPECT_EQ(*cache_.evict(kNow + 3), 1U);
  EXPECT_EQ(get("a", kNow + 4), content);
  EXPECT_EQ(get("b", kNow + 4), "(miss)");
}

TEST_F(CacheTest, WhatWasNotUsedForTooLongGoes) {
  const std::int64_t day = kBounds.oldest.count();
  ASSERT_TRUE(put("a", "a", kNow));
  ASSERT_TRUE(put("b", "b", kNow));
  EXPECT_EQ(*cache_.evict(kNow + day), 0U);
  EXPECT_EQ(get("a", kNow + day), "a");
  EXPECT_EQ(*cache_.evict(kNow + day + 1), 1U);
  EXPECT_EQ(get("b", kNow + day + 1), "(miss)");
  EXPECT_EQ(get("a", kNow + day + 1), "a");
}

TEST_F(CacheTest, FiguresCountWhatHappened) {
  ASSERT_TRUE(put("a", "content"));
  (void)get("a");
  (void)get("a");
  (void)get("never");
  write_content(path_of("a"), "poison");
  (void)get("a");
  const CacheFigures figures = cache_.figures();
  EXPECT_EQ(figures.hits, 2U);
  EXPECT_EQ(figures.misses, 2U);
  EXPECT_EQ(figures.refused, 1U);
  EXPECT_EQ(figures.entries, 0U);
  EXPECT_EQ(figures.bytes, 0U);
}

TEST_F(CacheTest, AStartRemovesWhatWasLeftHalfWritten) {
  write_content(folder_ / "cache/tmp/half", "half of an entry");
  reopen();
  EXPECT_EQ(files_below(folder_ / "cache"), 0U);
}

TEST(CacheOnAFullDisk, IsExhaustedAndLeavesNothing) {
  const TestFolder folder;
  if (!mount_small(folder / "small", "256k")) GTEST_SKIP() << "only root can mount a small disk";
  const auto state = *open_state_folder(folder / "small");
  auto cache = *Cache::open(state, kBounds);
  ASSERT_TRUE(cache.put(key_of("a"), memory_of("content"), kNow));
  const auto put = cache.put(key_of("b"), memory_of(std::string(std::size_t{1} << 20U, 'x')), kNow);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().fault, Fault::exhausted) << put.error().what;
  EXPECT_EQ(files_below(folder / "small/cache"), 1U);
  EXPECT_EQ(cache.figures().entries, 1U);
  EXPECT_TRUE(cache.get(key_of("a"), kNow));
}

}  // namespace
}  // namespace retort::store
