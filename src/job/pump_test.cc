// Pump: bytes arrive whole and in order, however slow the other side is.
#include "job/pump.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>

#include <gtest/gtest.h>

#include "kernel/files.h"

namespace retort::job {
namespace {

using base::ByteSize;
using base::Duration;
using base::Fd;

class Pump : public ::testing::Test {
 protected:
  std::unique_ptr<kernel::EventLoop> loop_ = *kernel::EventLoop::create();
};

// A pipe that has no room left, with the number of bytes in it.
std::pair<kernel::Pipe, std::size_t> make_full_pipe() {
  kernel::Pipe pipe = *kernel::make_pipe();
  EXPECT_TRUE(kernel::set_nonblocking(pipe.write_end));
  std::size_t filled = 0;
  while (::write(pipe.write_end.get(), "x", 1) == 1) ++filled;
  ::fcntl(pipe.write_end.get(), F_SETFL, 0);
  return {std::move(pipe), filled};
}

std::string drain(const Fd& pipe) {
  EXPECT_TRUE(kernel::set_nonblocking(pipe));
  std::string all;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = ::read(pipe.get(), buffer.data(), buffer.size())) > 0;) {
    all.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return all;
}

TEST_F(Pump, TheEndOfAStreamDoesNotOvertakeWhatASlowReaderHasNotTaken) {
  const auto full = make_full_pipe();
  const kernel::Pipe& sink = full.first;
  kernel::Pipe program = *kernel::make_pipe();
  ASSERT_TRUE(kernel::write_all(program.write_end, "hello"));
  program.write_end.reset();

  bool ended = false;
  std::string read;
  OutputPump pump(*loop_, sink.write_end.get(), ByteSize::of_bytes(1000), [&] {
    ended = true;
    read += drain(sink.read_end);
    EXPECT_EQ(read.size(), full.second + 5);
    loop_->stop();
  });
  pump.start(std::move(program.read_end));
  // The reader comes only after the pump has had every chance to see the end.
  auto later = *kernel::Timer::create();
  ASSERT_TRUE(later.arm(Duration(20'000)));
  ASSERT_TRUE(loop_->watch(later.descriptor(), EPOLLIN, [&](auto) {
    later.acknowledge();
    EXPECT_FALSE(ended);
    read += drain(sink.read_end);
  }));
  ASSERT_TRUE(loop_->run());
  EXPECT_TRUE(read.ends_with("hello"));
}

TEST_F(Pump, WhatIsCapturedIsTheHeadAndTheTailAndExactlyTheLimit) {
  kernel::Pipe program = *kernel::make_pipe();
  std::string written;
  for (int i = 0; i < 1000; ++i) written += std::to_string(i) + "\n";
  ASSERT_TRUE(kernel::write_all(program.write_end, written));
  program.write_end.reset();
  OutputPump pump(*loop_, -1, ByteSize::of_bytes(101), [&] { loop_->stop(); });
  pump.start(std::move(program.read_end));
  ASSERT_TRUE(loop_->run());
  EXPECT_TRUE(pump.is_over());
  const OutputPump::Text text = pump.take_text();
  EXPECT_EQ(text.total, written.size());
  EXPECT_EQ(text.bytes, written.substr(0, 51) + written.substr(written.size() - 50));
  EXPECT_EQ(text.head_bytes, 51U);
}

TEST_F(Pump, NoOutputMayBeAllowedAtAll) {
  kernel::Pipe program = *kernel::make_pipe();
  ASSERT_TRUE(kernel::write_all(program.write_end, "x"));
  program.write_end.reset();
  OutputPump pump(*loop_, -1, ByteSize::of_bytes(0), [&] { loop_->stop(); });
  pump.start(std::move(program.read_end));
  ASSERT_TRUE(loop_->run());
  EXPECT_TRUE(pump.is_over());
  EXPECT_EQ(pump.take_text().bytes, "");
}

TEST_F(Pump, AReaderThatLeavesEndsThePumpAndTheProgramSeesIt) {
  kernel::Pipe sink = *kernel::make_pipe();
  kernel::Pipe program = *kernel::make_pipe();
  ::signal(SIGPIPE, SIG_IGN);
  sink.read_end.reset();
  ASSERT_TRUE(kernel::write_all(program.write_end, "hello"));
  OutputPump pump(*loop_, sink.write_end.get(), ByteSize::of_bytes(1000), [&] { loop_->stop(); });
  pump.start(std::move(program.read_end));
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(pump.sink_error(), EPIPE);
  EXPECT_FALSE(kernel::write_all(program.write_end, "more")) << "its reader is gone";
}

}  // namespace
}  // namespace retort::job
