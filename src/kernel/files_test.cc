// Files: a memory file that is sealed stays as it is.
#include "kernel/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace retort::kernel {
namespace {

TEST(Files, AMemoryFileIsSealedThoughTheKernelHoldsAPageOfItForAWhile) {
  auto file = make_memory_file("test");
  ASSERT_TRUE(file) << file.error().what;
  ASSERT_EQ(4, ::pwrite(file->get(), "page", 4, 0));
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe) << pipe.error().what;
  // The page itself is in the pipe, not a copy: for the kernel it is held as by any other work.
  off64_t start = 0;
  ASSERT_EQ(4, ::splice(file->get(), &start, pipe->write_end.get(), nullptr, 4, 0));
  std::thread holder([held = std::move(*pipe)]() mutable {
    // Longer than the kernel waits by itself.
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    held = {};
  });
  const auto sealed = seal(*file);
  holder.join();
  EXPECT_TRUE(sealed) << sealed.error().what;
  EXPECT_EQ(-1, ::pwrite(file->get(), "more", 4, 0));
  EXPECT_EQ(EPERM, errno);
}

}  // namespace
}  // namespace retort::kernel
