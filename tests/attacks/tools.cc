// Tools: the corpus as a list, and what its programs share.
#include "attacks/tools.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

namespace retort::attacks {
namespace {

// Static objects of other files add to it before main.
std::vector<Attack>& corpus() {
  static std::vector<Attack> all;
  return all;
}

int result = 0;

}  // namespace

Enrol::Enrol(Attack attack) {
  auto& all = corpus();
  all.insert(std::ranges::upper_bound(all, attack.id, {}, &Attack::id), std::move(attack));
}

void breach(const std::string& text) {
  std::printf("breach: %s\n", text.c_str());
  std::fflush(stdout);
  result = 1;
}

void expect(bool held, const std::string& text) {
  if (!held) breach(text);
}

void expect_refused(long got, const std::vector<int>& errnos, const std::string& text) {
  const int number = errno;
  if (got >= 0) return breach(text + ": allowed, " + std::to_string(got));
  if (std::ranges::find(errnos, number) == errnos.end()) {
    breach(text + ": refused with " + strerrorname_np(number));
  }
}

int verdict() {
  return result;
}

pid_t spawn(const std::function<int()>& work) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

bool survives(const std::function<int()>& work) {
  const pid_t child = spawn(work);
  return child > 0 && wait_for(child) == 0;
}

namespace {

std::chrono::microseconds time_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace

void burn(std::chrono::microseconds time) {
  const auto until = time_of(CLOCK_THREAD_CPUTIME_ID) + time;
  volatile unsigned work = 0;
  while (time_of(CLOCK_THREAD_CPUTIME_ID) < until) {
    for (int i = 0; i < 1000; ++i) work = work + 1;
  }
}

std::chrono::microseconds cpu_used() {
  return time_of(CLOCK_PROCESS_CPUTIME_ID);
}

void rest(std::chrono::microseconds time) {
  ::usleep(static_cast<useconds_t>(time.count()));
}

void end_after(std::chrono::milliseconds time) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return;
  ::setsid();
  for (const int stream : {0, 1, 2}) ::close(stream);
  rest(time);
  if (::getppid() == parent) ::kill(parent, SIGKILL);
  ::_exit(0);
}

void say(const std::string& key, std::uint64_t number) {
  const std::string line = key + " " + std::to_string(number) + "\n";
  (void)!::write(1, line.data(), line.size());
}

char* touch(std::uint64_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* first = static_cast<char*>(memory);
  for (std::uint64_t at = 0; at < bytes; at += 4096) first[at] = 1;
  return first;
}

std::string read_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return {};
  std::string text;
  char buffer[65536];
  for (ssize_t count = 0; (count = ::read(file, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(file);
  return text;
}

bool write_file(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return false;
  const bool whole = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return ::close(file) == 0 && whole;
}

std::vector<std::string> list_folder(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(path.c_str()), ::closedir);
  while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  (void)::getrandom(&number, sizeof number, 0);
  return number;
}

}  // namespace retort::attacks

namespace retort::selftest {

std::span<const Attack> attacks() {
  return retort::attacks::corpus();
}

}  // namespace retort::selftest
