// F23: every system call by number, by three interfaces: what the kernel lets through is what
// src/cell/filter_rules.cc says, no more and no less. docs/reference/system-calls.md is the same
// table.
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <thread>

#include "attacks/calls.h"
#include "cell/filter.h"
#include "cell/filter_rules.h"

namespace retort::attacks {
namespace {

using cell::Profile;
using Arguments = std::array<unsigned long, 6>;

constexpr struct {
  std::string_view name;
  long number;
} kNumbers[] = {
#include "cell/calls.inc"
};

constexpr long kLast = 600;
constexpr unsigned long kX32 = 0x4000'0000;
constexpr int kNoAnswer = INT_MIN;  // it ended, was killed, or waits: it was let through
constexpr int kAllowed = -1;
constexpr auto kPatience = std::chrono::milliseconds(60);
// Allowed so that they answer what they always have: x86_64 has nothing behind these, older kernels
// nothing behind those.
constexpr long kEmpty[] = {SYS_set_thread_area, SYS_get_thread_area, 452, 453, 462, 464, 465};
// uretprobe and uprobe (Linux 6.14 and 6.18): no filter ever sees them. Outside of the kernel's own
// trampolines they end the process, or answer ENXIO.
constexpr long kUnfiltered[] = {335, 336};

struct Entry {
  const cell::Group* group;
  const cell::Rule* rule;
};
using Table = std::multimap<long, Entry>;

Table table_of(const std::set<Profile>& profiles) {
  Table table;
  for (const auto& group : cell::filter_rules()) {
    if (!profiles.contains(group.profile)) continue;
    for (const auto& rule : group.rules) {
      for (const auto& call : kNumbers) {
        const std::string padded = " " + std::string(rule.calls) + " ";
        if (padded.find(" " + std::string(call.name) + " ") != std::string::npos)
          table.emplace(call.number, Entry{&group, &rule});
      }
    }
  }
  return table;
}

bool holds(const cell::Condition& condition, unsigned long value) {
  switch (condition.compare) {
    case cell::Compare::equal:
      return value == condition.value;
    case cell::Compare::greater:
      return value > condition.value;
    case cell::Compare::masked_equal:
      return (value & condition.mask) == condition.value;
  }
  return false;
}

bool applies(const cell::Rule& rule, const Arguments& arguments) {
  for (const auto& condition : rule.all) {
    if (!holds(condition, arguments.at(condition.argument))) return false;
  }
  if (rule.one_of.empty()) return true;
  const unsigned long value = arguments.at(rule.one_of_argument) & 0xFFFF'FFFFUL;
  return std::ranges::find(rule.one_of, value) != rule.one_of.end();
}

// kAllowed, or the errno that the filter answers.
int wanted_answer(const Table& table, long number, const Arguments& arguments) {
  int answer = ENOSYS;
  const auto [begin, end] = table.equal_range(number);
  for (auto entry = begin; entry != end; ++entry) {
    if (!applies(*entry->second.rule, arguments)) continue;
    if (entry->second.group->answer == cell::Answer::allow) return kAllowed;
    answer = entry->second.group->error;
  }
  return answer;
}

// Arguments that each rule for this call asks for, and some that none does.
std::vector<Arguments> trials_for(const Table& table, long number) {
  std::vector<Arguments> trials;
  for (const unsigned long filling : {0UL, kMinusOne}) {
    Arguments plain;
    plain.fill(filling);
    trials.push_back(plain);
    const auto [begin, end] = table.equal_range(number);
    for (auto entry = begin; entry != end; ++entry) {
      const cell::Rule& rule = *entry->second.rule;
      Arguments fitting = plain;
      for (const auto& condition : rule.all) {
        unsigned long& value = fitting.at(condition.argument);
        if (condition.compare == cell::Compare::masked_equal)
          value = (value & ~condition.mask) | condition.value;
        if (condition.compare == cell::Compare::equal) value = condition.value;
        if (condition.compare == cell::Compare::greater)
          value = std::max<unsigned long>(value, condition.value + 1);
      }
      if (!rule.all.empty() && rule.one_of.empty()) trials.push_back(fitting);
      if (rule.one_of.empty()) continue;
      std::set<unsigned long> values(rule.one_of.begin(), rule.one_of.end());
      if (filling == 0) {
        for (unsigned long value = 0; value < 48; ++value) values.insert(value);
      }
      for (const unsigned long value : values) {
        fitting.at(rule.one_of_argument) = value;
        trials.push_back(fitting);
        if (filling != 0) continue;
        fitting.at(rule.one_of_argument) = value | kUpperBits;
        trials.push_back(fitting);
      }
    }
  }
  return trials;
}

volatile int* answer_slot() {
  static void* const kPlace =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return static_cast<volatile int*>(kPlace);
}

struct Tried {
  int answer;  // errno, 0, or kNoAnswer
  int status;  // of the process that tried it
};

// In a process of its own, which waits only so long.
Tried tried_for(std::chrono::milliseconds patience, const std::function<long()>& call) {
  *answer_slot() = kNoAnswer;
  const pid_t child = spawn([&] {
    const pid_t self = ::getpid();
    const long result = call();
    if (::getpid() != self) return 0;  // a new process: it was let through, the other one says so
    *answer_slot() = result < 0 && result > -4096 ? static_cast<int>(-result) : 0;
    return 0;
  });
  const auto until = std::chrono::steady_clock::now() + patience;
  int status = 0;
  for (unsigned looks = 0; ::waitpid(child, &status, WNOHANG) == 0; ++looks) {
    if (std::chrono::steady_clock::now() > until) {
      ::kill(child, SIGKILL);
      status = wait_for(child);
      break;
    }
    if (looks < 50) {
      ::sched_yield();
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  return {.answer = *answer_slot(), .status = status};
}

Tried tried(const std::function<long()>& call) {
  return tried_for(kPatience, call);
}

// The same for a call that the filter answers at once, however busy the host is.
Tried refused(const std::function<long()>& call) {
  return tried_for(kPatience * 100, call);
}

long raw(unsigned long number, const Arguments& a) {
  unsigned long result = number;
  register unsigned long fourth asm("r10") = a[3];
  register unsigned long fifth asm("r8") = a[4];
  register unsigned long sixth asm("r9") = a[5];
  asm volatile("syscall"
               : "+a"(result)
               : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(fourth), "r"(fifth), "r"(sixth)
               : "rcx", "r11", "memory");
  return static_cast<long>(result);
}

long raw_old(unsigned long number) {
  unsigned long result = number;
  asm volatile("int $0x80" : "+a"(result) : "b"(0), "c"(0), "d"(0), "S"(0), "D"(0) : "memory");
  return static_cast<int>(result);
}

std::string name_of(long number) {
  for (const auto& call : kNumbers) {
    if (call.number == number) return std::string(call.name);
  }
  return "number " + std::to_string(number);
}

std::string text_of(int answer) {
  if (answer == kAllowed) return "let through";
  if (answer == kNoAnswer) return "no answer";
  return answer == 0 ? "success" : strerrorname_np(answer);
}

void try_call(const Table& table, long number, std::set<std::string>& reached) {
  const bool is_empty = std::ranges::find(kEmpty, number) != std::end(kEmpty);
  const bool is_unfiltered = std::ranges::find(kUnfiltered, number) != std::end(kUnfiltered);
  for (const Arguments& arguments : trials_for(table, number)) {
    const int wanted = wanted_answer(table, number, arguments);
    const auto call = [&] { return raw(static_cast<unsigned long>(number), arguments); };
    const bool may_wait = wanted == kAllowed || is_unfiltered;
    const int got = (may_wait ? tried(call) : refused(call)).answer;
    // The kernel's own ENOSYS: a clock that an operation does not know.
    const bool may_be_empty =
        is_empty || (number == SYS_futex && (arguments[1] & FUTEX_CLOCK_REALTIME) != 0);
    const bool agrees = wanted == kAllowed ? got != ENOSYS || may_be_empty
                        : is_unfiltered    ? got == ENOSYS || got == ENXIO || got == kNoAnswer
                                           : got == wanted;
    if (wanted == kAllowed) reached.insert(name_of(number));
    if (agrees) continue;
    std::string with;
    for (const unsigned long argument : arguments) with += " " + std::to_string(argument);
    breach(name_of(number) + " with" + with + ": " + text_of(got) + " instead of " +
           text_of(wanted));
  }
}

void expect_deadly(const std::string& text, const std::function<long()>& call) {
  const Tried got = refused(call);
  expect(WIFSIGNALED(got.status) && WTERMSIG(got.status) == SIGSYS,
         text + ": " + text_of(got.answer) + " instead of SIGSYS");
}

int sweep(const std::set<Profile>& profiles, bool foreign) {
  const Table table = table_of(profiles);
  std::set<std::string> reached;
  for (long number = 0; number <= kLast; ++number) try_call(table, number, reached);
  for (long number = 0; foreign && number <= kLast; ++number) {
    const auto bits = static_cast<unsigned long>(number);
    expect_deadly("x32 " + std::to_string(number), [=] { return raw(kX32 | bits, {}); });
    const Tried old = refused([=] { return raw_old(bits); });
    expect(is_end_of_i386(old.status),
           "i386 " + std::to_string(number) + ": " + text_of(old.answer));
  }
  std::printf("note: %zu system calls are let through with some arguments or any\n",
              reached.size());
  return verdict();
}

const Enrol kAttack{
    {.id = "F23",
     .what = "every system call, by every interface",
     .run = [](unsigned) { return sweep({Profile::base, Profile::loopback}, true); },
     .limits = {"cpu_time=30s", "wall_time=1min"}}};

const Enrol kWithoutNetwork{{.id = "F23b",
                             .what = "every system call, in a cell without network",
                             .run = [](unsigned) { return sweep({Profile::base}, false); },
                             .limits = {"cpu_time=30s", "wall_time=1min", "network=none"}}};

const Enrol kWithAddOns{
    {.id = "F23c",
     .what = "every system call, in a cell with both add-ons",
     .run =
         [](unsigned) {
           return sweep({Profile::base, Profile::loopback, Profile::ptrace, Profile::inotify},
                        false);
         },
     .limits = {"cpu_time=30s", "wall_time=1min"},
     .add_ons = cell::kAllAddOns}};

}  // namespace
}  // namespace retort::attacks
