// Work modes: CPU time, memory, processes and threads, by whoever of the program is told to use
// them.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <functional>

#include <pthread.h>

#include "probe/probe.h"

namespace retort::probe {
namespace {

// ---- Shapes: who does the work. ----

using Work = std::function<void(std::uint64_t)>;

// Each child does an equal share, and none ends before all have done theirs.
int in_children(unsigned count, std::uint64_t amount, const Work& work) {
  std::array<int, 2> hold{};
  if (::pipe2(hold.data(), O_CLOEXEC) != 0) return complain("pipe");
  struct Child {
    pid_t pid;
    int done;
  };
  std::vector<Child> children;
  for (unsigned i = 0; i < count; ++i) {
    std::array<int, 2> done{};
    if (::pipe2(done.data(), O_CLOEXEC) != 0) return complain("pipe");
    const pid_t child = ::fork();
    if (child < 0) return complain("fork");
    if (child == 0) {
      ::close(hold.at(1));
      ::close(done.at(0));
      work(amount / count);
      (void)!::write(done.at(1), "d", 1);
      (void)hear(hold.at(0));
      ::_exit(0);
    }
    ::close(done.at(1));
    children.push_back({.pid = child, .done = done.at(0)});
  }
  for (const Child& child : children) (void)hear(child.done);
  ::close(hold.at(1));
  int worst = 0;
  for (const Child& child : children) worst = std::max(worst, wait_for(child.pid));
  return worst;
}

// Its parent is gone at once: nobody of the program waits for it, or counts what it used.
int in_grandchild(std::uint64_t amount, const Work& work) {
  std::array<int, 2> done{};
  if (::pipe2(done.data(), O_CLOEXEC) != 0) return complain("pipe");
  const pid_t child = ::fork();
  if (child < 0) return complain("fork");
  if (child == 0) {
    const pid_t grandchild = ::fork();
    if (grandchild != 0) ::_exit(grandchild < 0 ? 1 : 0);
    work(amount);
    (void)!::write(done.at(1), "d", 1);
    ::_exit(0);
  }
  ::close(done.at(1));
  const int status = wait_for(child);
  if (status != 0) return status;
  return hear(done.at(0)) ? 0 : 1;
}

struct Share {
  const Work* work = nullptr;
  std::uint64_t amount = 0;
};

void* do_share(void* pointer) {
  const auto* share = static_cast<const Share*>(pointer);
  (*share->work)(share->amount);
  return nullptr;
}

int in_threads(unsigned count, std::uint64_t amount, const Work& work) {
  Share share{.work = &work, .amount = amount / count};
  std::vector<pthread_t> threads(count);
  for (pthread_t& thread : threads) {
    errno = ::pthread_create(&thread, nullptr, do_share, &share);
    if (errno != 0) return complain("pthread_create");
  }
  for (const pthread_t thread : threads) ::pthread_join(thread, nullptr);
  return 0;
}

int in_shape(const std::string& shape, std::uint64_t amount, const Work& work) {
  const std::size_t colon = shape.find(':');
  const std::string kind = shape.substr(0, colon);
  const auto count =
      colon == std::string::npos ? 1U : static_cast<unsigned>(number(shape.substr(colon + 1)));
  if (kind == "child" || kind == "children") return in_children(count, amount, work);
  if (kind == "grandchild") return in_grandchild(amount, work);
  if (kind == "threads") return in_threads(count, amount, work);
  work(amount);
  return 0;
}

// ---- Modes. ----

int mode_spin(const Words& words) {
  return in_shape(word(words, 1), number(word(words, 0)), [](std::uint64_t ms) {
    timespec now{};
    do {
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while (static_cast<std::uint64_t>(now.tv_sec) * 1000 +
                 static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000 <
             ms);
  });
}

int mode_sleep(const Words& words) {
  const std::uint64_t ms = number(word(words, 0));
  return in_shape(word(words, 1), 0, [ms](std::uint64_t) { sleep_for(ms); });
}

void touch_memory(std::uint64_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ::_exit(complain("mmap"));
  auto* const bytes_begin = static_cast<volatile char*>(memory);
  for (std::uint64_t at = 0; at < bytes; at += 4096) bytes_begin[at] = 1;
}

int mode_alloc(const Words& words) {
  return in_shape(word(words, 1), number(word(words, 0)), touch_memory);
}

int mode_oom_child(const Words& words) {
  const pid_t child = ::fork();
  if (child < 0) return complain("fork");
  if (child == 0) {
    for (;;) touch_memory(1U << 20U);
  }
  (void)wait_for(child);
  sleep_for(number(word(words, 0)));
  return 0;
}

constexpr std::size_t kFrame = 4096;

// Depth is its purpose.
[[gnu::noinline]] int recurse(std::uint64_t left) {
  volatile char frame[kFrame];
  frame[0] = 1;
  if (left <= kFrame) return frame[0];
  return recurse(left - kFrame) + frame[0];
}

int mode_recurse(const Words& words) {
  std::printf("%d\n", recurse(number(word(words, 0))));
  return 0;
}

int mode_forkbomb(const Words&) {
  for (;;) (void)::fork();
}

int mode_processes(const Words& words) {
  const std::uint64_t wanted = number(word(words, 0));
  std::array<int, 2> hold{};
  if (::pipe2(hold.data(), O_CLOEXEC) != 0) return complain("pipe");
  std::vector<pid_t> children;
  while (children.size() + 1 < wanted) {
    const pid_t child = ::fork();
    if (child < 0) break;
    if (child == 0) {
      ::close(hold.at(1));
      (void)hear(hold.at(0));
      ::_exit(0);
    }
    children.push_back(child);
  }
  ::close(hold.at(1));
  for (const pid_t child : children) (void)wait_for(child);
  return report_count(children.size() + 1, wanted, words);
}

void* hear_in_thread(void* pointer) {
  (void)hear(*static_cast<const int*>(pointer));
  return nullptr;
}

int mode_threads(const Words& words) {
  const std::uint64_t wanted = number(word(words, 0));
  std::array<int, 2> hold{};
  if (::pipe2(hold.data(), O_CLOEXEC) != 0) return complain("pipe");
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, 64U << 10U);
  std::vector<pthread_t> threads;
  while (threads.size() + 1 < wanted) {
    pthread_t thread{};
    if (::pthread_create(&thread, &attributes, hear_in_thread, hold.data()) != 0) break;
    threads.push_back(thread);
  }
  ::close(hold.at(1));
  for (const pthread_t thread : threads) ::pthread_join(thread, nullptr);
  return report_count(threads.size() + 1, wanted, words);
}

// SHAPE: direct, child, grandchild, children:N or threads:N, among whom the work is divided.
constexpr std::array kModes = {
    Mode{"spin", "MS|forever [SHAPE]", "uses CPU time", mode_spin},
    Mode{"sleep", "MS [SHAPE]", "sleeps; every one of SHAPE as long", mode_sleep},
    Mode{"alloc", "BYTES [SHAPE]", "touches memory, and holds it until all is touched", mode_alloc},
    Mode{"oom-child",
         "MS",
         "a child takes memory without end; ends with 0 that much after it",
         mode_oom_child},
    Mode{"recurse", "BYTES", "uses that much stack", mode_recurse},
    Mode{"forkbomb", "", "forks without end, in every process", mode_forkbomb},
    Mode{"processes",
         "N [content]",
         "N processes at one time; prints how many it got",
         mode_processes},
    Mode{"threads", "N [content]", "N threads at one time; prints how many it got", mode_threads},
};

}  // namespace

std::span<const Mode> work_modes() {
  return kModes;
}

}  // namespace retort::probe
