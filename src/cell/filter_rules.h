// Filter rules: which system calls a program in a cell may make, as a table with a reason for each
// group.
//
// What is in no group answers ENOSYS, so that libraries fall back to older calls. A foreign
// system-call interface (i386, x32) kills the process. The table is compiled to BPF when Retort is
// built (filter_compiler.cc).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort::cell {

// Groups that are only in some filters. `base` is in all.
enum class Profile : std::uint8_t {
  base,
  loopback,  // internet sockets, for network = loopback
  ptrace,    // add-on for debuggers and sanitizers
  inotify,   // add-on for file watchers
  terminal,  // where 0, 1 and 2 are one
};

enum class Answer : std::uint8_t { allow, error };

// `greater` compares 64 bits: for pointers only, since most arguments are 32 bits to the kernel.
enum class Compare : std::uint8_t { equal, greater, masked_equal };

// One condition on an argument. masked_equal: (argument & mask) == value.
struct Condition {
  unsigned argument = 0;
  Compare compare = Compare::equal;
  std::uint64_t value = 0;
  std::uint64_t mask = 0;
};

struct Rule {
  std::string_view calls;               // names, separated by spaces
  std::span<const Condition> all = {};  // every one must hold
  // And argument `one_of_argument`, as 32 bits, must be one of these.
  std::span<const std::uint64_t> one_of = {};
  unsigned one_of_argument = 0;
};

struct Group {
  std::string_view reason;
  Profile profile;
  Answer answer;
  int error;  // errno for Answer::error; 0 makes the call a silent success
  std::span<const Rule> rules;
};

std::span<const Group> filter_rules();
// Those of one rule.
std::vector<std::string> call_names(std::string_view calls);

// Retort's own processes, from when they have set themselves up: what each still does. Any other
// call ends it.
enum class Own : std::uint8_t {
  keeper,  // its cells inherit this filter: what they may do is added to the list
  init,    // once the program's process is made
  reader,  // of what a program left behind
};
std::string_view own_calls(Own process);

// Test-only: "filter:NAME" of a weakened build allows these calls. Without any: it lets foreign
// system-call interfaces be.
struct Relaxation {
  std::string_view name;
  std::string_view calls;
};
std::span<const Relaxation> filter_relaxations();

}  // namespace retort::cell
