// H04: file watches and times of access as signals between cells, with and without the add-on that
// allows watches. Place 0 watches, the others use the files.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

#include "attacks/calls.h"
#include "cell/filter.h"

namespace retort::attacks {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kImage[] = {"/usr/bin/env",
                                  "/usr/bin/bash",
                                  "/usr/bin",
                                  "/usr",
                                  "/",
                                  "/etc",
                                  "/etc/passwd",
                                  "/usr/lib",
                                  "/run",
                                  "/var"};

void use(const char* path) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  char byte = 0;
  (void)!::read(file, &byte, 1);
  ::close(file);
}

int watch(std::span<const char* const> paths) {
  const int queue = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  expect(queue >= 0, "no watches in spite of the add-on");
  for (const char* path : paths) {
    expect(::inotify_add_watch(queue, path, IN_ALL_EVENTS) > 0,
           std::string(path) + " cannot be watched");
  }
  const auto until = Clock::now() + std::chrono::milliseconds(800);
  char events[4096];
  unsigned count = 0;
  while (Clock::now() < until) {
    if (::read(queue, events, sizeof events) > 0) ++count;
    ::usleep(5'000);
  }
  expect(count == 0, std::to_string(count) + " events of others");
  // The instrument itself works.
  use(paths.front());
  expect(::read(queue, events, sizeof events) > 0, "the cell's own event is not seen");
  return verdict();
}

int use_for_a_while(std::span<const char* const> paths) {
  const auto until = Clock::now() + std::chrono::milliseconds(1200);
  while (Clock::now() < until) {
    for (const char* path : paths) use(path);
    ::usleep(10'000);
  }
  return verdict();
}

const Enrol kWatches{
    {.id = "H04",
     .what = "watches on files of the image that another cell uses",
     .run = [](unsigned place) { return place == 0 ? watch(kImage) : use_for_a_while(kImage); },
     .add_ons = cell::kInotify,
     .cells = {.count = 2, .order = Cells::Order::together}}};

// Without the add-on there are no watches; nor does reading leave a time that others see.
int run_times(unsigned place) {
  expect_answer({"inotify_init1", SYS_inotify_init1, {0}, ENOSYS});
  expect_answer({"inotify_add_watch", SYS_inotify_add_watch, {kMinusOne, 0, 1}, ENOSYS});
  expect_answer({"fanotify_init", SYS_fanotify_init, {0x200, 0}, EPERM});
  expect_answer({"a folder's signals", SYS_fcntl, {0, F_NOTIFY, 2}, ENOSYS});
  if (place != 0) return use_for_a_while(kImage);
  struct stat before[std::size(kImage)] = {};
  for (std::size_t i = 0; i < std::size(kImage); ++i) (void)::stat(kImage[i], &before[i]);
  ::usleep(700'000);
  for (std::size_t i = 0; i < std::size(kImage); ++i) {
    struct stat after{};
    (void)::stat(kImage[i], &after);
    expect(after.st_atim.tv_sec == before[i].st_atim.tv_sec &&
               after.st_atim.tv_nsec == before[i].st_atim.tv_nsec,
           std::string(kImage[i]) + " tells that another has read it");
  }
  return verdict();
}

const Enrol kTimes{{.id = "H04b",
                    .what = "times of access of files of the image",
                    .run = run_times,
                    .cells = {.count = 2, .order = Cells::Order::together}}};

}  // namespace
}  // namespace retort::attacks
