// Probe: one static program that integration tests run in cells; its first argument chooses what it
// does.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace retort::probe {

using Words = std::vector<std::string>;

struct Mode {
  const char* name;
  const char* arguments;
  const char* meaning;
  int (*run)(const Words&);
};

// One file each.
std::span<const Mode> call_modes();
std::span<const Mode> file_modes();
std::span<const Mode> sight_modes();
std::span<const Mode> stream_modes();
std::span<const Mode> terminal_modes();
std::span<const Mode> work_modes();

// ---- What modes have in common. ----

// What is missing at the end is empty.
std::string word(const Words& words, std::size_t index);
// "forever" is more than anyone can wait for.
std::uint64_t number(const std::string& text);
std::string errno_text();
// Prints "ok", or the name of errno: the answer to one system call.
void answer(bool succeeded);
// Says on stderr what errno is; returns an exit code.
int complain(const char* what);
// Prints how many there were; returns an exit code, which is 0 for fewer only when the second word
// is "content".
int report_count(std::uint64_t got, std::uint64_t wanted, const Words& words);

bool write_all(int descriptor, const char* bytes, std::size_t size);
// `size` bytes that say where they stand: lines of 15 digits that count up.
bool write_counted(int descriptor, std::uint64_t size);
// A file of such bytes.
bool make_file(const std::string& name, std::uint64_t size);
// A file to stdout, or the name of errno; returns an exit code.
int print_file(const std::string& path);

void sleep_for(std::uint64_t ms);
// Returns the exit code, or 128 and the signal.
int wait_for(pid_t child);
// Until the other end of a pipe is closed, or says something; true when it did.
bool hear(int descriptor);

}  // namespace retort::probe
