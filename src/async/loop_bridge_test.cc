// LoopBridge: an event loop's descriptors and an io_context's share one thread.
#include "async/loop_bridge.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace retort::async {
namespace {

using base::Duration;
using base::Fd;

class Bridge : public ::testing::Test {
 protected:
  void SetUp() override {
    auto created = kernel::EventLoop::create();
    ASSERT_TRUE(created);
    loop_ = *std::move(created);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    read_end_ = Fd(ends[0]);
    write_end_ = Fd(ends[1]);
    auto bridge =
        LoopBridge::create(context_, *loop_, [](const auto& error) { FAIL() << error.what; });
    ASSERT_TRUE(bridge);
    bridge_ = *std::move(bridge);
  }

  void write_byte() const { ASSERT_EQ(::write(write_end_.get(), "x", 1), 1); }
  void read_byte() const {
    char byte = 0;
    ASSERT_EQ(::read(read_end_.get(), &byte, 1), 1);
  }

  asio::io_context context_{1};
  std::unique_ptr<kernel::EventLoop> loop_;
  Fd read_end_;
  Fd write_end_;
  std::unique_ptr<LoopBridge> bridge_;
};

TEST_F(Bridge, RunsCallbacksOfPipesAndTimersUntilItIsDestroyed) {
  auto timer = kernel::Timer::create();
  ASSERT_TRUE(timer);
  int bytes = 0;
  ASSERT_TRUE(loop_->watch(read_end_.get(), EPOLLIN, [&](auto) {
    read_byte();
    ++bytes;
    if (bytes < 3) write_byte();
    if (bytes == 3) ASSERT_TRUE(timer->arm(Duration(1000)));
  }));
  ASSERT_TRUE(loop_->watch(timer->descriptor(), EPOLLIN, [&](auto) {
    timer->acknowledge();
    bridge_.reset();  // so that the context has nothing more to do
  }));
  asio::post(context_, [this] { write_byte(); });
  context_.run();
  EXPECT_EQ(bytes, 3);
  loop_->forget(timer->descriptor());
}

TEST_F(Bridge, ADescriptorThatIsAlwaysReadyDoesNotKeepTheThread) {
  std::uint64_t calls = 0;
  ASSERT_TRUE(loop_->watch(read_end_.get(), EPOLLIN, [&](auto) { ++calls; }));
  write_byte();
  int turns = 0;
  std::function<void()> turn = [&] {
    if (++turns < 10) return asio::post(context_, turn);
    bridge_.reset();
  };
  asio::post(context_, turn);
  context_.run();
  EXPECT_EQ(turns, 10);
}

TEST_F(Bridge, ADescriptorThatStaysReadyIsReportedAgain) {
  int calls = 0;
  ASSERT_TRUE(loop_->watch(read_end_.get(), EPOLLIN, [&](auto) {
    if (++calls == 1000) bridge_.reset();
    if (calls == 1000) read_byte();
  }));
  write_byte();
  context_.run();
  EXPECT_EQ(calls, 1000);
}

TEST_F(Bridge, ACallbackMayForgetDescriptorsAndWatchOthers) {
  std::array<int, 2> other{};
  ASSERT_EQ(::pipe2(other.data(), O_CLOEXEC), 0);
  const Fd other_read(other[0]);
  const Fd other_write(other[1]);
  bool done = false;
  ASSERT_TRUE(loop_->watch(read_end_.get(), EPOLLIN, [&](auto) {
    loop_->forget(read_end_.get());
    ASSERT_TRUE(loop_->watch(other_read.get(), EPOLLIN, [&](auto) {
      done = true;
      bridge_.reset();
    }));
    ASSERT_EQ(::write(other_write.get(), "x", 1), 1);
  }));
  write_byte();
  context_.run();
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace retort::async
