// Filter compiler: turns the table of filter_rules.h into BPF, once, when Retort is built.
//
// usage: make-filters OUTPUT [lenient|weak]    writes one C++ array a profile combination, and one
// for each of Retort's own processes, for filter.cc to include. lenient: the own processes may do
// everything, for builds whose sanitizers need more than they. weak: that, and an array for each
// relaxation.
//        make-filters --calls OUTPUT    the number of each call that the table names, as C++
//        make-filters --page OUTPUT     the table for docs/reference/system-calls.md
#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/fd.h"
#include "cell/filter_page.h"
#include "cell/filter_rules.h"

namespace {

using retort::cell::Answer;
using retort::cell::call_names;
using retort::cell::Compare;
using retort::cell::Condition;
using retort::cell::Group;
using retort::cell::Own;
using retort::cell::Profile;
using retort::cell::Relaxation;
using retort::cell::Rule;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "make-filters: %s\n", what.c_str());
  std::exit(1);
}

// Names that this libseccomp does not know yet (numbers of asm/unistd_64.h).
int number_of(const std::string& name) {
  static const std::map<std::string, int> kNewer = {{"cachestat", 451},
                                                    {"statmount", 457},
                                                    {"listmount", 458},
                                                    {"fchmodat2", 452},
                                                    {"map_shadow_stack", 453},
                                                    {"mseal", 462},
                                                    {"getxattrat", 464},
                                                    {"listxattrat", 465}};
  const int number = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name.c_str());
  if (number >= 0) return number;
  const auto found = kNewer.find(name);
  if (found == kNewer.end()) die("no such system call: " + name);
  return found->second;
}

scmp_arg_cmp comparison(const Condition& condition) {
  switch (condition.compare) {
    case Compare::equal:
      return {condition.argument, SCMP_CMP_EQ, condition.value, 0};
    case Compare::greater:
      return {condition.argument, SCMP_CMP_GT, condition.value, 0};
    case Compare::masked_equal:
      return {condition.argument, SCMP_CMP_MASKED_EQ, condition.mask, condition.value};
  }
  die("an unknown comparison");
}

void add(scmp_filter_ctx filter,
         std::uint32_t action,
         const std::string& call,
         const std::vector<scmp_arg_cmp>& conditions) {
  const int result = seccomp_rule_add_array(
      filter, action, number_of(call), static_cast<unsigned>(conditions.size()), conditions.data());
  if (result != 0) die("rule for " + call + ": " + std::to_string(result));
}

void add_rule(scmp_filter_ctx filter,
              std::uint32_t action,
              const Rule& rule,
              const std::set<std::string>& taken) {
  std::vector<scmp_arg_cmp> conditions;
  for (const Condition& condition : rule.all) conditions.push_back(comparison(condition));
  for (const std::string& call : call_names(rule.calls)) {
    if (taken.contains(call)) continue;
    if (rule.one_of.empty()) {
      add(filter, action, call, conditions);
      continue;
    }
    for (const std::uint64_t value : rule.one_of) {
      // Compared as 32 bits: commands are 32 bits in the kernel, and upper bits must not hide one.
      auto with_value = conditions;
      with_value.push_back({rule.one_of_argument, SCMP_CMP_MASKED_EQ, 0xFFFF'FFFF, value});
      add(filter, action, call, with_value);
    }
  }
}

std::vector<sock_filter> exported(scmp_filter_ctx filter) {
  const retort::base::Fd memory(::memfd_create("filter", MFD_CLOEXEC));
  if (seccomp_export_bpf(filter, memory.get()) != 0) die("seccomp_export_bpf");
  seccomp_release(filter);
  const off_t size = ::lseek(memory.get(), 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (::pread(memory.get(), program.data(), static_cast<std::size_t>(size), 0) != size)
    die("pread");
  return program;
}

std::vector<sock_filter> compile(const std::set<Profile>& profiles,
                                 const Relaxation* relaxation = nullptr) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
  if (filter == nullptr) die("seccomp_init");
  seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree over the numbers
  // A call that is allowed whatever its arguments must not also be in a refusing group of the same
  // filter: an add-on opens what the base refuses.
  std::set<std::string> allowed;
  if (relaxation != nullptr) {
    for (const std::string& call : call_names(relaxation->calls)) {
      allowed.insert(call);
      add(filter, SCMP_ACT_ALLOW, call, {});
    }
    if (allowed.empty()) seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
  }
  const std::set<std::string> relaxed = allowed;
  for (const Group& group : retort::cell::filter_rules()) {
    if (group.answer != Answer::allow || !profiles.contains(group.profile)) continue;
    for (const Rule& rule : group.rules) {
      if (rule.all.empty() && rule.one_of.empty()) {
        for (const std::string& call : call_names(rule.calls)) allowed.insert(call);
      }
      add_rule(filter, SCMP_ACT_ALLOW, rule, relaxed);
    }
  }
  for (const Group& group : retort::cell::filter_rules()) {
    if (group.answer != Answer::error || !profiles.contains(group.profile)) continue;
    for (const Rule& rule : group.rules) {
      add_rule(filter, SCMP_ACT_ERRNO(static_cast<std::uint16_t>(group.error)), rule, allowed);
    }
  }
  return exported(filter);
}

// Retort's own processes are known to the call: what they never do ends them.
std::vector<sock_filter> compile_own(Own process, bool lenient) {
  const std::uint32_t otherwise = lenient ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS;
  // A program in a cell must get its own filter's answer, not the keeper's.
  const std::uint32_t inherited =
      process == Own::keeper && !lenient ? SCMP_ACT_ERRNO(ENOSYS) : otherwise;
  scmp_filter_ctx filter = seccomp_init(inherited);
  if (filter == nullptr) die("seccomp_init");
  seccomp_attr_set(
      filter, SCMP_FLTATR_ACT_BADARCH, lenient ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS);
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  std::set<std::string> calls;
  for (const std::string& call : call_names(retort::cell::own_calls(process))) calls.insert(call);
  for (const Group& group : retort::cell::filter_rules()) {
    if (process != Own::keeper || group.answer != Answer::allow) continue;
    for (const Rule& rule : group.rules) {
      for (const std::string& call : call_names(rule.calls)) calls.insert(call);
    }
  }
  if (!lenient) {
    for (const std::string& call : calls) add(filter, SCMP_ACT_ALLOW, call, {});
  }
  return exported(filter);
}

void write_array(std::ostream& out,
                 const std::string& name,
                 const std::vector<sock_filter>& program) {
  out << "constexpr sock_filter " << name << "[] = {\n";
  for (const sock_filter& step : program) {
    out << "{" << step.code << "," << unsigned{step.jt} << "," << unsigned{step.jf} << "," << step.k
        << "U},\n";
  }
  out << "};\n";
}

// Each as a pair, without and with the loopback profile, and a table of them all.
void write_relaxed(std::ostream& out) {
  std::string table = "constexpr RelaxedFilter kRelaxed[] = {\n";
  unsigned number = 0;
  for (const Relaxation& relaxation : retort::cell::filter_relaxations()) {
    const std::string name = "kRelaxed" + std::to_string(number++);
    write_array(out, name + "None", compile({Profile::base}, &relaxation));
    write_array(out, name + "Loopback", compile({Profile::base, Profile::loopback}, &relaxation));
    table += "{\"filter:" + std::string(relaxation.name) + "\", " + name + "None, " + name +
             "Loopback},\n";
  }
  out << table << "};\n";
}

void write_calls(std::ostream& out) {
  std::set<std::string> calls;
  for (const Group& group : retort::cell::filter_rules()) {
    for (const Rule& rule : group.rules) {
      for (const std::string& call : call_names(rule.calls)) calls.insert(call);
    }
  }
  for (const std::string& call : calls) out << "{\"" << call << "\", " << number_of(call) << "},\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string last = argc == 3 ? argv[2] : "";
  const bool weak = last == "weak";
  const bool lenient = last == "lenient" || weak;
  const std::string mode = argc == 3 && !lenient ? argv[1] : "";
  if (argc != 2 && !lenient && mode != "--calls" && mode != "--page")
    die("usage: make-filters OUTPUT [lenient|weak] | --calls OUTPUT | --page OUTPUT");
  std::ofstream out(mode.empty() ? argv[1] : argv[2]);
  if (!mode.empty()) {
    mode == "--calls" ? write_calls(out) : retort::cell::write_filter_page(out);
    out.close();
    return out ? 0 : 1;
  }
  // Index: bit 0 loopback, bit 1 ptrace, bit 2 inotify, bit 3 terminal, as filter.cc computes it.
  constexpr unsigned kFilters = 16;
  std::string table;
  for (unsigned index = 0; index < kFilters; ++index) {
    std::set<Profile> profiles = {Profile::base};
    if ((index & 1U) != 0) profiles.insert(Profile::loopback);
    if ((index & 2U) != 0) profiles.insert(Profile::ptrace);
    if ((index & 4U) != 0) profiles.insert(Profile::inotify);
    if ((index & 8U) != 0) profiles.insert(Profile::terminal);
    const std::string name = "kFilter" + std::to_string(index);
    write_array(out, name, compile(profiles));
    table += name + ",";
  }
  out << "constexpr std::array<std::span<const sock_filter>, " << kFilters << "> kFilters = {"
      << table << "};\n";
  for (const auto& [process, name] : {std::pair{Own::keeper, "kKeeperFilter"},
                                      {Own::init, "kInitFilter"},
                                      {Own::reader, "kReaderFilter"}}) {
    write_array(out, name, compile_own(process, lenient));
  }
  if (weak) write_relaxed(out);
  out.close();
  return out ? 0 : 1;
}
