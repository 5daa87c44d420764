// Tools: small things that several modes of the probe need.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "probe/probe.h"

namespace retort::probe {

namespace {

constexpr std::size_t kLine = 16;

}  // namespace

std::string word(const Words& words, std::size_t index) {
  return index < words.size() ? words.at(index) : std::string();
}

std::uint64_t number(const std::string& text) {
  return text == "forever" ? UINT64_MAX : std::strtoull(text.c_str(), nullptr, 10);
}

std::string errno_text() {
  const char* name = ::strerrorname_np(errno);
  return name != nullptr ? name : std::to_string(errno);
}

void answer(bool succeeded) {
  const std::string text = succeeded ? "ok" : errno_text();
  std::printf("%s\n", text.c_str());
}

int complain(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, errno_text().c_str());
  return 1;
}

bool write_all(int descriptor, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::write(descriptor, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

bool write_counted(int descriptor, std::uint64_t size) {
  std::array<char, kLine> line{};
  line.fill('0');
  line.back() = '\n';
  std::vector<char> chunk(64U << 10U);
  while (size > 0) {
    for (std::size_t at = 0; at < chunk.size(); at += kLine) {
      std::memcpy(chunk.data() + at, line.data(), kLine);
      std::size_t digit = kLine - 2;
      for (; line.at(digit) == '9'; --digit) line.at(digit) = '0';
      ++line.at(digit);
    }
    const std::size_t part = std::min<std::uint64_t>(size, chunk.size());
    if (!write_all(descriptor, chunk.data(), part)) return false;
    size -= part;
  }
  return true;
}

void sleep_for(std::uint64_t ms) {
  timespec left{.tv_sec = static_cast<time_t>(ms / 1000),
                .tv_nsec = static_cast<long>(ms % 1000) * 1'000'000};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool hear(int descriptor) {
  char byte = 0;
  ssize_t count = -1;
  do {
    count = ::read(descriptor, &byte, 1);
  } while (count < 0 && errno == EINTR);
  return count == 1;
}

int report_count(std::uint64_t got, std::uint64_t wanted, const Words& words) {
  std::printf("%llu\n", static_cast<unsigned long long>(got));
  return got == wanted || word(words, 1) == "content" ? 0 : 1;
}

bool make_file(const std::string& name, std::uint64_t size) {
  const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const bool made = file >= 0 && write_counted(file, size);
  ::close(file);
  return made;
}

int print_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    answer(false);
    return 0;
  }
  std::vector<char> buffer(64U << 10U);
  for (ssize_t count = 0; (count = ::read(file, buffer.data(), buffer.size())) > 0;) {
    if (!write_all(1, buffer.data(), static_cast<std::size_t>(count))) return 1;
  }
  ::close(file);
  return 0;
}

}  // namespace retort::probe
