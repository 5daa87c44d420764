// Attack: one hostile program of the corpus in tests/attacks, and what must come of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort::selftest {

struct AttackFile {
  std::string name;
  std::string content;
};

// How many cells run the program, and when. Each is told its place, from 0; what must come of one
// must come of every one, so a count in turn is also a number of repeats.
struct Cells {
  enum class Order : std::uint8_t { together, in_turn };
  unsigned count = 1;
  Order order = Order::together;
};

// An attack bounds itself: it takes a small multiple of its limits and then stops, so that a build
// with a defence taken away (tests/weakened) harms nobody.
struct Attack {
  // The row of the catalogue, "A01"; a further program of one row has a letter: "A01b".
  std::string_view id;
  std::string_view what;  // one line for people

  // What runs in the cell. It looks at what it got, tells on stdout what it must not have got
  // (tools.h), and returns its exit code: 0 when it saw what it must. Lines "note: …" are shown.
  int (*run)(unsigned place) = nullptr;
  // Or sources for a runtime of the catalogue; made outside of any cell.
  std::string_view language = {};
  std::vector<AttackFile> (*sources)() = nullptr;

  // What must come of it. The result has one of these statuses (cell::Outcome's names) …
  std::vector<std::string_view> statuses = {"ok"};
  // … with this exit code, or this signal, of the last stage where one is given …
  std::optional<int> exit_code = {};
  std::optional<int> signal = {};
  // … names every one of these limits among those that were hit, and no other but those that it
  // may …
  std::vector<std::string_view> limits_hit = {};
  std::vector<std::string_view> may_hit = {};
  // … has these texts ("{place}" is the cell's place), and none of those, in what it printed
  // (stdout, stderr, compiler's words) …
  std::vector<std::string_view> says = {};
  std::vector<std::string_view> says_not = {};
  // … exactly these bytes on stdout, where it is given …
  std::string (*prints)() = nullptr;
  // … has one line that begins so in each cell, no two of them alike …
  std::string_view differs = {};
  // … and these lines in its list of collected files: "NAME BYTES" or "NAME refused WHY" (a
  // beginning of a line will do). Not empty: files are collected.
  std::vector<std::string_view> collected = {};
  // … and no line that begins like these.
  std::vector<std::string_view> collected_not = {};
  // Or no job takes place, and the error has this text.
  std::string_view refused = {};
  // At most so many bytes of each stream are kept; 0: not looked at.
  std::uint64_t kept_bytes = 0;
  // Of 100 cells, 99 end at most so long past the limit that ended them; 0: not looked at.
  std::uint64_t most_over_us = 0;

  // "NAME=VALUE", over the limits of every attack (runner.cc) or of the runtime.
  std::vector<std::string_view> limits = {};
  std::vector<std::string_view> compile_limits = {};
  std::uint32_t add_ons = 0;      // cell::AddOn
  std::uint64_t stdin_bytes = 0;  // zeros
  bool terminal = false;          // its streams are one
  Cells cells = {};
  int landlock = 0;  // the kernel must offer this version of it
  // It prints "cpu_us N" and "memory_bytes N" (each process its own, and the sums count), which the
  // figures of each cell must agree with. Cells in turn, and no neighbour: both truths are one
  // cell's.
  bool accounting = false;
  // No program: each setting of `limits` alone is refused in words that name the limit.
  bool refused_limits = false;
  // It makes sense in another sandbox: it asks for nothing of a cell's own.
  bool portable = false;
};

// The corpus, in the order of ids.
std::span<const Attack> attacks();

}  // namespace retort::selftest
