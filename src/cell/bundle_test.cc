// Bundle: what goes in comes out, and nothing that breaks a bound is believed.
#include "cell/bundle.h"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "kernel/files.h"

namespace retort::cell {
namespace {

using base::Fd;

Fd memory() {
  return *kernel::make_memory_file("test");
}
void rewind(const Fd& file) {
  ::lseek(file.get(), 0, SEEK_SET);
}

TEST(Bundle, CarriesRecordsWithBytesOfAnyKind) {
  const Fd file = memory();
  const std::string binary("\0\xFF\n", 3);
  BundleWriter writer(file);
  ASSERT_TRUE(writer.add(Record::argument, "", "./a"));
  ASSERT_TRUE(writer.add(Record::file, "a/b.bin", binary, 0755));
  ASSERT_TRUE(writer.end());
  rewind(file);
  BundleReader reader(file);
  const auto argument = reader.next();
  ASSERT_TRUE(argument);
  EXPECT_EQ(argument->kind, Record::argument);
  EXPECT_EQ(*reader.take_text(*argument, kLongestWord), "./a");
  const auto entry = reader.next();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->name, "a/b.bin");
  EXPECT_EQ(entry->mode, 0755U);
  const Fd out = memory();
  ASSERT_TRUE(reader.copy_to(*entry, out));
  rewind(out);
  std::string copied(3, ' ');
  EXPECT_EQ(*kernel::read_full(out, std::as_writable_bytes(std::span(copied))), 3U);
  EXPECT_EQ(copied, binary);
  EXPECT_EQ(reader.next()->kind, Record::end);
}

TEST(Bundle, RefusesToBelieveLengths) {
  const RecordHeader cases[] = {
      {.kind = Record::file, .mode = 0, .name_length = kLongestName + 1, .reserved = 0, .size = 0},
      {.kind = static_cast<Record>(0), .mode = 0, .name_length = 0, .reserved = 0, .size = 0},
      {.kind = static_cast<Record>(99), .mode = 0, .name_length = 0, .reserved = 0, .size = 0},
      {.kind = Record::file,
       .mode = 0,
       .name_length = 10,
       .reserved = 0,
       .size = 0},  // and the name is missing
  };
  for (const RecordHeader& header : cases) {
    const Fd file = memory();
    ASSERT_TRUE(kernel::write_all(file, std::as_bytes(std::span(&header, 1))));
    rewind(file);
    BundleReader reader(file);
    EXPECT_FALSE(reader.next());
  }
}

// Whoever skips the data would otherwise go back, and read the same records for ever.
TEST(Bundle, RefusesSizesThatLeadBack) {
  const RecordHeader cases[] = {
      {.kind = Record::collect, .mode = 0, .name_length = 0, .reserved = 0, .size = 1},
      {.kind = Record::directory, .mode = 0, .name_length = 0, .reserved = 0, .size = 1},
      {.kind = Record::end, .mode = 0, .name_length = 0, .reserved = 0, .size = 1},
      {.kind = Record::file,
       .mode = 0,
       .name_length = 0,
       .reserved = 0,
       .size = 0 - sizeof(RecordHeader)},
      {.kind = Record::file, .mode = 0, .name_length = 0, .reserved = 0, .size = kLargestData + 1},
  };
  for (const RecordHeader& header : cases) {
    const Fd file = memory();
    ASSERT_TRUE(kernel::write_all(file, std::as_bytes(std::span(&header, 1))));
    rewind(file);
    BundleReader reader(file);
    EXPECT_FALSE(reader.next());
  }
}

TEST(Bundle, NeverAllocatesWhatAHeaderClaims) {
  const RecordHeader header{
      .kind = Record::argument, .mode = 0, .name_length = 0, .reserved = 0, .size = 1ULL << 62U};
  const Fd file = memory();
  ASSERT_TRUE(kernel::write_all(file, std::as_bytes(std::span(&header, 1))));
  rewind(file);
  BundleReader reader(file);
  const auto record = reader.next();
  ASSERT_TRUE(record);
  EXPECT_FALSE(reader.take_text(*record, kLongestWord));
}

TEST(Bundle, NoticesThatItBreaksOff) {
  const Fd file = memory();
  BundleWriter writer(file);
  ASSERT_TRUE(writer.begin(Record::file, "x", 100));
  ASSERT_TRUE(kernel::write_all(file, "short"));
  rewind(file);
  BundleReader reader(file);
  const auto record = reader.next();
  ASSERT_TRUE(record);
  EXPECT_FALSE(reader.copy_to(*record, memory()));
}

}  // namespace
}  // namespace retort::cell
