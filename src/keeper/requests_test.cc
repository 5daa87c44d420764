// Requests: what a client may ask for, what it is refused, and what ends the talk.
#include "keeper/requests.h"

#include <gtest/gtest.h>

#include "cell/filter.h"
#include "cell/signals.h"
#include "keeper/frames.h"
#include "kernel/socket.h"

namespace retort::keeper {
namespace {

StartFrame good_start() {
  StartFrame frame = make_start_frame(cell::Limits{});
  frame.header.id = 7;
  return frame;
}

// The id of a refusal; 0 when it is none.
std::uint64_t refused_id(const StartFrame& frame, std::size_t descriptors = 1) {
  const auto request = read_request(kernel::frame_bytes(frame), descriptors);
  if (!request || !std::holds_alternative<BadRequest>(*request)) return 0;
  return std::get<BadRequest>(*request).id;
}

TEST(ReadRequest, TakesAStartWithAllThatItSays) {
  StartFrame frame = good_start();
  frame.add_ons = cell::kInotify;
  frame.allow_unenforced = 5;
  frame.collect = 1;
  frame.collect_bytes = 10;
  frame.collect_entries = 20;
  const auto request = read_request(kernel::frame_bytes(frame), 1);
  ASSERT_TRUE(request);
  ASSERT_TRUE(std::holds_alternative<StartRequest>(*request));
  const auto& start = std::get<StartRequest>(*request);
  EXPECT_EQ(start.id, 7U);
  EXPECT_EQ(start.allow_unenforced, 5U);
  EXPECT_EQ(start.cell.add_ons, cell::kInotify);
  EXPECT_EQ(start.cell.unenforced, 0U);
  EXPECT_TRUE(start.cell.collect);
  EXPECT_EQ(start.cell.collect_bytes, 10U);
  EXPECT_EQ(start.cell.collect_entries, 20U);
}

TEST(ReadRequest, RefusesAStartThatCannotBeUnderItsOwnId) {
  EXPECT_EQ(refused_id(good_start()), 0U);
  EXPECT_EQ(refused_id(good_start(), 0), 7U);
  EXPECT_EQ(refused_id(good_start(), 2), 7U);
  StartFrame frame = good_start();
  frame.image = 1;
  EXPECT_EQ(refused_id(frame), 7U);
  frame = good_start();
  frame.add_ons = cell::kAllAddOns + 1;
  EXPECT_EQ(refused_id(frame), 7U);
  frame = good_start();
  frame.memory_bytes = UINT64_MAX;
  EXPECT_EQ(refused_id(frame), 7U);
}

TEST(ReadRequest, RefusesAStartWithoutAnId) {
  StartFrame frame = good_start();
  frame.header.id = 0;
  const auto request = read_request(kernel::frame_bytes(frame), 1);
  ASSERT_TRUE(request);
  EXPECT_TRUE(std::holds_alternative<BadRequest>(*request));
}

TEST(ReadRequest, TakesACancelOfAnyId) {
  CancelFrame frame;
  frame.header.id = 99;
  const auto request = read_request(kernel::frame_bytes(frame), 0);
  ASSERT_TRUE(request);
  ASSERT_TRUE(std::holds_alternative<CancelRequest>(*request));
  EXPECT_EQ(std::get<CancelRequest>(*request).id, 99U);
}

TEST(ReadRequest, TakesTheSignalsThatPeopleSendAndRefusesTheRest) {
  for (int number = -1; number <= 70; ++number) {
    SignalFrame frame;
    frame.header.id = 99;
    frame.number = number;
    const auto request = read_request(kernel::frame_bytes(frame), 0);
    ASSERT_TRUE(request);
    if (cell::is_sendable(number)) {
      ASSERT_TRUE(std::holds_alternative<SignalRequest>(*request)) << number;
      EXPECT_EQ(std::get<SignalRequest>(*request).id, 99U);
      EXPECT_EQ(std::get<SignalRequest>(*request).number, number);
    } else {
      // Not under the cell's id: a refusal would be the last word on it.
      ASSERT_TRUE(std::holds_alternative<BadRequest>(*request)) << number;
      EXPECT_EQ(std::get<BadRequest>(*request).id, 0U);
    }
  }
  for (const int number : {0, SIGSEGV, SIGSYS, SIGXCPU, SIGXFSZ, SIGPIPE, SIGCHLD, SIGRTMIN})
    EXPECT_FALSE(cell::is_sendable(number)) << number;
  for (const int number : {SIGINT, SIGTERM, SIGKILL, SIGHUP, SIGWINCH})
    EXPECT_TRUE(cell::is_sendable(number)) << number;
}

TEST(ReadRequest, IsAnErrorForWhatOnlyAKeeperSays) {
  EXPECT_FALSE(read_request(kernel::frame_bytes(HelloFrame{}), 0));
  EXPECT_FALSE(read_request(kernel::frame_bytes(StartedFrame{}), 3));
  EXPECT_FALSE(read_request(kernel::frame_bytes(EndedFrame{}), 0));
  EXPECT_FALSE(read_request(kernel::frame_bytes(RefusedFrame{}), 0));
  EXPECT_FALSE(read_request({}, 0));
}

TEST(ReadRequest, TakesATerminalThatCanBe) {
  const auto terminal_of = [](const StartFrame& frame) {
    const auto request = read_request(kernel::frame_bytes(frame), 1);
    return std::get<StartRequest>(*request).cell.terminal;
  };
  StartFrame frame = good_start();
  EXPECT_FALSE(terminal_of(frame));
  for (const auto& [rows, columns] : {std::pair{1, 1}, {24, 80}, {4096, 4096}}) {
    frame.terminal_rows = static_cast<std::uint16_t>(rows);
    frame.terminal_columns = static_cast<std::uint16_t>(columns);
    const auto terminal = terminal_of(frame);
    ASSERT_TRUE(terminal);
    EXPECT_EQ(terminal->rows, rows);
    EXPECT_EQ(terminal->columns, columns);
  }
  for (const auto& [rows, columns] : {std::pair{0, 80}, {24, 0}, {4097, 80}, {24, 65535}}) {
    frame.terminal_rows = static_cast<std::uint16_t>(rows);
    frame.terminal_columns = static_cast<std::uint16_t>(columns);
    EXPECT_EQ(refused_id(frame), 7U) << rows << " " << columns;
  }
  // The terminal's add-on comes with one, and is nobody's to ask for.
  frame = good_start();
  frame.add_ons = cell::kTerminal;
  EXPECT_EQ(refused_id(frame), 7U);
}

TEST(ReadRequest, RefusesToCollectMoreThanMayBe) {
  StartFrame frame = good_start();
  frame.collect = 1;
  frame.collect_bytes = frame.disk_bytes;
  frame.collect_entries = kMostCollectedEntries;
  EXPECT_EQ(refused_id(frame), 0U);
  frame.collect_bytes = frame.disk_bytes + 1;
  EXPECT_EQ(refused_id(frame), 7U);
  frame.collect_bytes = 0;
  frame.collect_entries = kMostCollectedEntries + 1;
  EXPECT_EQ(refused_id(frame), 7U);
}

}  // namespace
}  // namespace retort::keeper
