// Tools: how an attack joins the corpus, and how it tells what it got.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "selftest/attack.h"

namespace retort::attacks {

using selftest::Attack;
using selftest::AttackFile;
using selftest::Cells;
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): 100ms

// One in each file: `const Enrol kA01{{.id = "A01", …}};`
class Enrol {
 public:
  explicit Enrol(Attack attack);
};

// ---- What an attack tells. Each call prints one line for a wall that was not there. ----

// Prints "breach: TEXT" and makes `verdict` 1.
void breach(const std::string& text);
// A breach unless `held`.
void expect(bool held, const std::string& text);
// `result` is what a system call returned: it must have failed, with one of these errnos.
void expect_refused(long result, const std::vector<int>& errnos, const std::string& text);
// 0, or 1 after a breach: what an attack returns.
int verdict();

// ---- What attacks do. ----

// A child that runs `work` and ends with what it returns. -1 when fork failed.
pid_t spawn(const std::function<int()>& work);
// Waits for one child; its wait status.
int wait_for(pid_t child);
// A child for itself: whether `work` ended with 0 and by itself.
bool survives(const std::function<int()>& work);

// Burns this thread's CPU time.
void burn(std::chrono::microseconds time);
// CPU time that this process has used, all its threads.
std::chrono::microseconds cpu_used();
void rest(std::chrono::microseconds time);
// Ends this process after `time`, even when it is stopped; how an attack bounds itself that waits
// for ever. By a process outside of its group.
void end_after(std::chrono::milliseconds time);
// "KEY N", in one write: lines of many processes do not mix.
void say(const std::string& key, std::uint64_t number);
// Takes memory and touches every page; null when it cannot be had. Never freed.
char* touch(std::uint64_t bytes);
std::string read_file(const std::string& path);
bool write_file(const std::string& path, const std::string& text);
std::vector<std::string> list_folder(const std::string& path);
std::uint64_t random_number();

}  // namespace retort::attacks
