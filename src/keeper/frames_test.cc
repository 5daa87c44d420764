// Frames: what the keeper believes of a client.
#include "keeper/frames.h"

#include <gtest/gtest.h>

#include "kernel/socket.h"

namespace retort::keeper {
namespace {

TEST(StartFrame, CarriesEveryLimit) {
  cell::Limits limits;
  ASSERT_TRUE(cell::set_limit(limits, "cpu_time", "123ms"));
  ASSERT_TRUE(cell::set_limit(limits, "wall_time", "234ms"));
  ASSERT_TRUE(cell::set_limit(limits, "extra_time", "345ms"));
  ASSERT_TRUE(cell::set_limit(limits, "memory", "45MiB"));
  ASSERT_TRUE(cell::set_limit(limits, "stack", "6MiB"));
  ASSERT_TRUE(cell::set_limit(limits, "processes", "7"));
  ASSERT_TRUE(cell::set_limit(limits, "open_files", "89"));
  ASSERT_TRUE(cell::set_limit(limits, "file_size", "10KiB"));
  ASSERT_TRUE(cell::set_limit(limits, "disk", "11MiB"));
  ASSERT_TRUE(cell::set_limit(limits, "disk_inodes", "121"));
  ASSERT_TRUE(cell::set_limit(limits, "network", "none"));
  const auto back = limits_of(make_start_frame(limits));
  ASSERT_TRUE(back) << back.error().what;
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    // Output is counted by the client, which reads it.
    if (info.limit == cell::Limit::output) continue;
    EXPECT_EQ(cell::limit_text(*back, info.limit), cell::limit_text(limits, info.limit))
        << info.name;
  }
}

TEST(StartFrame, IsRefusedOutsideTheBuiltInBounds) {
  const StartFrame good = make_start_frame(cell::Limits{});
  for (auto field : {&StartFrame::cpu_time_us,
                     &StartFrame::wall_time_us,
                     &StartFrame::memory_bytes,
                     &StartFrame::stack_bytes,
                     &StartFrame::disk_bytes}) {
    for (const std::uint64_t value :
         {std::uint64_t{0}, UINT64_MAX, UINT64_MAX / 2, UINT64_MAX / 2 + 1}) {
      StartFrame frame = good;
      frame.*field = value;
      EXPECT_FALSE(limits_of(frame)) << value;
    }
  }
  for (auto field : {&StartFrame::processes, &StartFrame::open_files, &StartFrame::disk_inodes}) {
    for (const std::uint32_t value : {0U, UINT32_MAX}) {
      StartFrame frame = good;
      frame.*field = value;
      EXPECT_FALSE(limits_of(frame)) << value;
    }
  }
  StartFrame frame = good;
  frame.network = 2;
  EXPECT_FALSE(limits_of(frame));
}

TEST(CheckFrame, WantsTheExactLengthOfAKnownKindInOurVersion) {
  StartFrame start;
  const auto bytes = kernel::frame_bytes(start);
  EXPECT_EQ(*check_frame(bytes), Kind::start);
  EXPECT_FALSE(check_frame(bytes.first(bytes.size() - 1)));
  EXPECT_FALSE(check_frame(bytes.first(4)));
  EXPECT_FALSE(check_frame({}));
  start.header.version = kVersion + 1;
  EXPECT_FALSE(check_frame(kernel::frame_bytes(start)));
  start.header = {.kind = static_cast<Kind>(77)};
  EXPECT_FALSE(check_frame(kernel::frame_bytes(start)));
}

TEST(FrameText, IsCutAndAlwaysTerminated) {
  RefusedFrame frame;
  put_text(frame.text, std::string(2000, 'x'));
  EXPECT_EQ(get_text(frame.text).size(), sizeof frame.text - 1);
  std::ranges::fill(frame.text, 'y');
  EXPECT_EQ(get_text(frame.text).size(), sizeof frame.text);
}

}  // namespace
}  // namespace retort::keeper
