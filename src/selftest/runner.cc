// Runner: one keeper for the whole corpus, so that what one attack spoils, the next one shows.
#include "selftest/runner.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include "base/bytes.h"
#include "cell/bundle.h"
#include "kernel/files.h"
#include "kernel/landlock.h"
#include "selftest/neighbour.h"

namespace retort::selftest {

using base::Duration;
using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kDefaults[] = {"cpu_time=10s",
                                          "extra_time=0s",
                                          "wall_time=20s",
                                          "memory=128MiB",
                                          "processes=64",
                                          "disk=64MiB",
                                          "file_size=32MiB",
                                          "output=1MiB"};
// The neighbour's wall time alone is the median of so many.
constexpr unsigned kNeighbourRuns = 9;
constexpr std::uint64_t kSeed = 20'26;
// A result comes at most so long after the limit.
constexpr Duration kMostOver{250'000};
// What may come out of a cell: so many entries, and of their modes these bits.
constexpr std::uint64_t kMostCollected = 10'000;
constexpr std::uint32_t kExecutable = 0111;
// Of many cells that fail alike, so many say so.
constexpr std::size_t kMostFaults = 12;

Status set_limits(cell::Limits& limits, std::span<const std::string_view> settings) {
  for (const std::string_view setting : settings) {
    const std::size_t equals = setting.find('=');
    RETORT_CHECK(cell::set_limit(limits, setting.substr(0, equals), setting.substr(equals + 1)));
  }
  return {};
}

// "NAME BYTES" and "NAME refused WHY", a line for each entry of a collected bundle. Fault::invalid
// when the bundle is more than any may be.
Result<std::vector<std::string>> listing(const base::Fd& bundle, std::uint64_t most_bytes) {
  std::vector<std::string> lines;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  cell::BundleReader reader(bundle);
  for (;;) {
    RETORT_TRY(const auto record, reader.next());
    if (record.kind == cell::Record::end) return lines;
    const std::string name = base::printable(record.name);
    if (record.kind == cell::Record::refused) {
      RETORT_TRY(const auto why, reader.take_text(record, cell::kLongestWord));
      lines.push_back(name + " refused " + why);
      continue;
    }
    lines.push_back(name + " " + std::to_string(record.size));
    bytes += record.size;
    if ((record.mode & ~kExecutable) != 0)
      return Error{Fault::invalid, name + " has the mode " + std::to_string(record.mode), 0};
    if (bytes > most_bytes || ++entries > kMostCollected)
      return Error{Fault::invalid, "more than may be collected", 0};
    if (::lseek(bundle.get(), static_cast<off_t>(record.size), SEEK_CUR) < 0)
      return base::os_error("lseek", "a bundle");
  }
}

std::string said_by(const job::JobResult& result) {
  std::string text;
  for (const job::StageResult& stage : result.stages)
    text += stage.stdout_text.bytes + stage.stderr_text.bytes;
  return text;
}

// `text` with the cell's place where it says "{place}".
std::string with_place(std::string_view text, unsigned place) {
  constexpr std::string_view kPlace = "{place}";
  std::string filled(text);
  if (const auto at = filled.find(kPlace); at != std::string::npos)
    filled.replace(at, kPlace.size(), std::to_string(place));
  return filled;
}

// The sum of the lines "KEY N" in `text`.
std::uint64_t sum_of(const std::string& text, const std::string& key) {
  std::uint64_t sum = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key + " "))
      sum += std::strtoull(line.c_str() + key.size() + 1, nullptr, 10);
  }
  return sum;
}

Duration past_limit(const job::StageResult& stage) {
  using cell::Outcome;
  if (stage.verdict.outcome == Outcome::wall_time_limit)
    return Duration(static_cast<Duration::rep>(stage.facts.wall_us)) - stage.limits.wall_time;
  if (stage.verdict.outcome == Outcome::cpu_time_limit)
    return Duration(static_cast<Duration::rep>(stage.facts.cpu_us)) - stage.limits.cpu_time -
           stage.limits.extra_time;
  return Duration(0);
}

// What holds for every stage, whatever ran in it: figures, limits and words agree.
void check_rules(const job::StageResult& stage, CaseResult& found) {
  const auto fault = [&](const std::string& what) { found.faults.push_back(what); };
  const auto names = [&](cell::Limit limit) {
    const auto& hit = stage.verdict.limits_hit;
    return std::ranges::find(hit, limit) != hit.end();
  };
  const bool over_cpu =
      stage.facts.cpu_us > static_cast<std::uint64_t>(stage.limits.cpu_time.count());
  if (over_cpu != names(cell::Limit::cpu_time)) {
    fault("CPU time " + std::to_string(stage.facts.cpu_us) + " us, and limits_hit says otherwise");
  }
  const auto wall = Duration(static_cast<Duration::rep>(stage.facts.wall_us));
  if (wall != stage.limits.wall_time &&
      (wall > stage.limits.wall_time) != names(cell::Limit::wall_time)) {
    fault("wall time " + base::to_text(wall) + ", and limits_hit says otherwise");
  }
  bool over_output = false;
  for (const auto* stream : {&stage.stdout_text, &stage.stderr_text}) {
    const std::uint64_t most = stage.limits.output.bytes();
    over_output |= stream->total > most;
    if (stream->bytes.size() != std::min(stream->total, most)) {
      fault("kept " + std::to_string(stream->bytes.size()) + " of " +
            std::to_string(stream->total) + " bytes of output");
    }
  }
  if (over_output != names(cell::Limit::output)) fault("limits_hit is wrong about the output");
  if (past_limit(stage) > kMostOver)
    fault("it ended " + base::to_text(past_limit(stage)) + " past its limit");
}

void check_limits(const Attack& attack, const job::JobResult& result, CaseResult& found) {
  const auto lists = [](const std::vector<std::string_view>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  };
  std::vector<std::string_view> hit;
  for (const job::StageResult& stage : result.stages) {
    for (const cell::Limit limit : stage.verdict.limits_hit)
      hit.push_back(cell::info_of(limit).name);
  }
  for (const std::string_view limit : attack.limits_hit) {
    if (!lists(hit, limit))
      found.faults.push_back("limits_hit does not name " + std::string(limit));
  }
  for (const std::string_view limit : hit) {
    if (!lists(attack.limits_hit, limit) && !lists(attack.may_hit, limit))
      found.faults.push_back("limits_hit names " + std::string(limit));
  }
}

}  // namespace

// Honest jobs, one after the other, from begin to end of an attack.
class Runner::Neighbour {
 public:
  Neighbour(Runner& runner, std::function<void()> idle) : runner_(runner), idle_(std::move(idle)) {}

  void start() {
    const std::uint64_t seed = kSeed + times_.size();
    job_ = std::make_unique<job::Job>(
        job::Means{.loop = *runner_.loop_, .keeper = *runner_.keeper_},
        runner_.neighbour_submission(seed),
        [this, seed](Result<job::JobResult> ended) { on_ended(seed, std::move(ended)); });
    job_->start();
  }
  void finish() { finishing_ = true; }
  [[nodiscard]] bool is_idle() const { return idle_now_; }
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }
  // Of the last job.
  [[nodiscard]] Duration cpu() const { return cpu_; }
  [[nodiscard]] Duration median() const {
    auto times = times_;
    if (times.empty()) return Duration(0);
    std::ranges::sort(times);
    return times.at(times.size() / 2);
  }

 private:
  void on_ended(std::uint64_t seed, Result<job::JobResult> ended) {
    if (!ended) {
      faults_.push_back("the neighbour did not run: " + ended.error().what);
    } else if (ended->outcome != cell::Outcome::ok) {
      faults_.push_back("the neighbour ended with " +
                        std::string(cell::outcome_name(ended->outcome)) + ": " + ended->message);
    } else if (ended->stages.back().stdout_text.bytes !=
               std::to_string(honest_answer(seed)) + "\n") {
      faults_.emplace_back("the neighbour's answer was wrong");
    } else {
      times_.emplace_back(static_cast<Duration::rep>(ended->stages.back().facts.wall_us));
      cpu_ = Duration(static_cast<Duration::rep>(ended->stages.back().facts.cpu_us));
    }
    if (!finishing_ && faults_.empty()) {
      // The job that ended is still on the stack: it goes when the next one has begun.
      former_ = std::move(job_);
      return start();
    }
    idle_now_ = true;
    idle_();
  }

  Runner& runner_;
  std::function<void()> idle_;
  std::unique_ptr<job::Job> job_;
  std::unique_ptr<job::Job> former_;
  std::vector<Duration> times_;
  Duration cpu_{};
  std::vector<std::string> faults_;
  bool finishing_ = false;
  bool idle_now_ = false;
};

Runner::~Runner() = default;

Result<std::unique_ptr<Runner>> Runner::open(const runtime::Catalogue& catalogue) {
  RETORT_TRY(auto canaries, Canaries::plant());
  std::unique_ptr<Runner> runner(new Runner(catalogue, std::move(canaries)));
  RETORT_CHECK(runner->prepare());
  return runner;
}

Status Runner::prepare() {
  RETORT_TRY(const std::string folder, kernel::program_folder());
  RETORT_TRY(program_, kernel::read_small_file(AT_FDCWD, folder + "/retort-attacks", 64U << 20U));
  for (std::size_t add_ons = 0; add_ons < manifests_.size(); ++add_ons) {
    manifests_.at(add_ons).id = "attacks";
    manifests_.at(add_ons).run.command = {"./attack", "{args}"};
    manifests_.at(add_ons).run.add_ons = static_cast<std::uint32_t>(add_ons);
  }
  // The keeper inherits it; no program may ever find it.
  ::setenv("RETORT_SELFTEST_SECRET", canaries_.secret().c_str(), 1);
  RETORT_TRY(loop_, kernel::EventLoop::create());
  RETORT_TRY(keeper_, keeper::Client::start(*loop_));
  ::unsetenv("RETORT_SELFTEST_SECRET");
  if (keeper_->abilities().unenforceable != 0)
    return Error{
        Fault::unsupported,
        "limits cannot be enforced here, so run it as root: " + keeper_->abilities().reason,
        0};
  RETORT_TRY(services_, Services::open(canaries_.secret()));
  at_start_ = HostState::look(keeper_->pid(), keeper_->abilities().instance);
  return {};
}

Result<job::Submission> Runner::submission_for(const Attack& attack, unsigned place) const {
  job::Submission submission;
  if (attack.run != nullptr) {
    submission.program.runtime = &manifests_.at(attack.add_ons);
    submission.program.files = {{.name = "attack", .content = program_, .executable = true}};
    submission.program.args = {std::string(attack.id), std::to_string(place)};
    RETORT_CHECK(set_limits(submission.program.run_limits, kDefaults));
  } else {
    RETORT_TRY(const auto* entry, catalogue_.find(attack.language));
    if (!entry->is_available())
      return Error{Fault::not_found, entry->manifest.name + " " + entry->reason(), 0};
    const runtime::Manifest& manifest = entry->manifest;
    submission.program.runtime = &manifest;
    submission.program.run_limits = manifest.run.limits;
    if (manifest.compile) submission.program.compile_limits = manifest.compile->stage.limits;
    for (const AttackFile& file : attack.sources())
      submission.program.files.push_back({.name = file.name, .content = file.content});
  }
  RETORT_CHECK(set_limits(submission.program.run_limits, attack.limits));
  RETORT_CHECK(set_limits(submission.program.compile_limits, attack.compile_limits));
  if (!attack.collected.empty()) submission.collect = {"."};
  submission.streams.stdin_text.assign(attack.stdin_bytes, '\0');
  if (attack.terminal) submission.streams.terminal = {.rows = 24, .columns = 80};
  return submission;
}

job::Submission Runner::neighbour_submission(std::uint64_t seed) const {
  job::Submission submission;
  submission.program.runtime = &manifests_.front();
  submission.program.files = {{.name = "attack", .content = program_, .executable = true},
                              {.name = "source", .content = canaries_.secret()}};
  submission.program.args = {"neighbour", std::to_string(seed)};
  submission.streams.stdin_text = canaries_.secret();
  return submission;
}

Result<Duration> Runner::time_neighbour_alone() {
  std::vector<Duration> times;
  for (unsigned i = 0; i < kNeighbourRuns; ++i) {
    const Duration before = cpu_of_instance(keeper_->abilities().instance);
    Neighbour neighbour(*this, [&] { loop_->stop(); });
    neighbour.finish();
    neighbour.start();
    if (!neighbour.is_idle()) RETORT_CHECK(loop_->run());
    if (!neighbour.faults().empty()) return Error{Fault::internal, neighbour.faults().front(), 0};
    times.push_back(neighbour.median());
    const Duration all = cpu_of_instance(keeper_->abilities().instance) - before;
    set_up_ = std::min(set_up_, all - neighbour.cpu());
  }
  std::ranges::sort(times);
  return times.at(times.size() / 2);
}

std::vector<Runner::Ended> Runner::run_cells(const Attack& attack, Neighbour* neighbour) {
  const bool in_turn = attack.cells.order == Cells::Order::in_turn;
  const unsigned count = attack.cells.count;
  std::vector<Ended> ended(count);
  std::vector<std::unique_ptr<job::Job>> jobs(count);
  unsigned waiting = count;
  const auto stop_when_idle = [&] {
    if (waiting == 0 && neighbour != nullptr) neighbour->finish();
    if (waiting == 0 && (neighbour == nullptr || neighbour->is_idle())) loop_->stop();
  };
  const unsigned instance = keeper_->abilities().instance;
  const bool alone = in_turn || count == 1;
  Duration cpu_before{-1};
  std::function<void(unsigned)> start = [&](unsigned place) {
    // The job before this one may still be on the stack; the one before that is not.
    if (in_turn && place >= 2) jobs.at(place - 2).reset();
    if (alone && neighbour == nullptr) cpu_before = cpu_of_instance(instance);
    auto submission = submission_for(attack, place);
    if (!submission) {
      for (unsigned i = place; i < (in_turn ? count : place + 1); ++i, --waiting)
        ended.at(i).fault = submission.error().what;
      return stop_when_idle();
    }
    jobs.at(place) = std::make_unique<job::Job>(job::Means{.loop = *loop_, .keeper = *keeper_},
                                                *std::move(submission),
                                                [&, place](Result<job::JobResult> result) {
                                                  if (result) {
                                                    ended.at(place).result = *std::move(result);
                                                    if (cpu_before.count() >= 0)
                                                      ended.at(place).all_cpu =
                                                          cpu_of_instance(instance) - cpu_before;
                                                  } else {
                                                    ended.at(place).fault = result.error().what;
                                                  }
                                                  --waiting;
                                                  if (in_turn && place + 1 < count)
                                                    return start(place + 1);
                                                  stop_when_idle();
                                                });
    jobs.at(place)->start();
  };
  for (unsigned place = 0; place < (in_turn ? 1 : count); ++place) start(place);
  if (waiting > 0 || (neighbour != nullptr && !neighbour->is_idle())) (void)loop_->run();
  return ended;
}

std::string Runner::reason_to_skip(const Attack& attack) const {
  if (const auto version = kernel::landlock_version();
      attack.landlock > 0 && (!version || *version < attack.landlock))
    return "this kernel has no Landlock of version " + std::to_string(attack.landlock);
  if (attack.run != nullptr) return {};
  const auto possible = submission_for(attack, 0);
  return possible || possible.error().fault != Fault::not_found ? "" : possible.error().what;
}

void Runner::check_differs(const Attack& attack,
                           const std::vector<Ended>& ended,
                           CaseResult& found) {
  std::set<std::string> lines;
  unsigned count = 0;
  for (const Ended& one : ended) {
    std::istringstream text(said_by(one.result));
    for (std::string line; std::getline(text, line);) {
      if (!line.starts_with(attack.differs)) continue;
      ++count;
      if (!lines.insert(line).second) found.faults.push_back("two cells said: " + line);
    }
  }
  if (count != ended.size())
    found.faults.push_back(std::to_string(count) + " lines begin with '" +
                           std::string(attack.differs) + "'");
}

void Runner::check_result(const Attack& attack,
                          unsigned place,
                          const Ended& ended,
                          CaseResult& found) const {
  if (!attack.refused.empty()) {
    if (ended.fault.find(attack.refused) == std::string::npos)
      found.faults.push_back(ended.fault.empty() ? "it was not refused"
                                                 : "refused otherwise: " + ended.fault);
    return;
  }
  if (!ended.fault.empty()) {
    found.faults.push_back("no job took place: " + ended.fault);
    return;
  }
  const job::JobResult& result = ended.result;
  const cell::Verdict& last = result.stages.back().verdict;
  const std::string status(cell::outcome_name(result.outcome));
  const auto fault = [&](const std::string& what) { found.faults.push_back(what); };

  if (std::ranges::find(attack.statuses, status) == attack.statuses.end())
    fault("status " + status + " (" + result.message + ")");
  if (attack.exit_code && last.exit_code != attack.exit_code)
    fault("exit code " + (last.exit_code ? std::to_string(*last.exit_code) : "none"));
  if (attack.signal && last.signal != attack.signal)
    fault("signal " + (last.signal ? std::to_string(*last.signal) : "none"));
  check_limits(attack, result, found);
  for (const job::StageResult& stage : result.stages) check_rules(stage, found);
  check_text(attack, place, result, found);
  if (!attack.collected.empty()) check_files(attack, result, found);
  if (attack.accounting) check_figures(attack, ended, found);
}

void Runner::check_text(const Attack& attack,
                        unsigned place,
                        const job::JobResult& result,
                        CaseResult& found) const {
  const std::string text = said_by(result);
  const auto fault = [&](const std::string& what) { found.faults.push_back(what); };
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("breach: ")) fault(base::printable(line));
    if (line.starts_with("note: ")) found.notes.push_back(base::printable(line.substr(6)));
  }
  for (const std::string_view word : attack.says) {
    const std::string wanted = with_place(word, place);
    if (text.find(wanted) == std::string::npos) fault("it did not say '" + wanted + "'");
  }
  for (const std::string_view word : attack.says_not) {
    if (text.find(word) != std::string::npos) fault("it said '" + std::string(word) + "'");
  }
  if (attack.prints != nullptr && result.stages.back().stdout_text.bytes != attack.prints())
    fault("stdout is not what it wrote");
  if (text.find(canaries_.secret()) != std::string::npos) fault("it said the secret");
  for (const job::StageResult& stage : result.stages) {
    for (const auto* stream : {&stage.stdout_text, &stage.stderr_text}) {
      if (attack.kept_bytes != 0 && stream->bytes.size() > attack.kept_bytes)
        fault("kept " + std::to_string(stream->bytes.size()) + " bytes of output");
    }
  }
}

void Runner::check_files(const Attack& attack,
                         const job::JobResult& result,
                         CaseResult& found) const {
  const auto fault = [&](const std::string& what) { found.faults.push_back(what); };
  if (!result.files.is_open()) return fault("nothing was collected");
  const auto entries = listing(result.files, result.stages.back().limits.disk.bytes());
  if (!entries) return fault("the collection broke off: " + entries.error().what);
  const auto begins = [&](std::string_view wanted) {
    return std::ranges::any_of(*entries,
                               [&](const auto& entry) { return entry.starts_with(wanted); });
  };
  for (const std::string_view wanted : attack.collected) {
    if (begins(wanted)) continue;
    fault("not among the collected files: '" + std::string(wanted) + "'" +
          (entries->empty() ? ""
                            : "; the first of " + std::to_string(entries->size()) + " is '" +
                                  entries->front() + "'"));
  }
  for (const std::string_view unwanted : attack.collected_not) {
    if (begins(unwanted)) fault("among the collected files: '" + std::string(unwanted) + "'");
  }
}

// Both truths are measured elsewhere: what the program counted of itself is less than all it used,
// and what the kernel counted for all cells, less what making one takes, is more.
void Runner::check_figures(const Attack& attack, const Ended& ended, CaseResult& found) const {
  const job::StageResult& stage = ended.result.stages.back();
  const std::uint64_t own_cpu = sum_of(stage.stdout_text.bytes, "cpu_us");
  const std::uint64_t own_memory = sum_of(stage.stdout_text.bytes, "memory_bytes");
  const auto fault = [&](const std::string& what, std::uint64_t reported, std::uint64_t truth) {
    found.faults.push_back(what + ": reported " + std::to_string(reported) + ", in truth " +
                           std::to_string(truth));
  };
  if (own_cpu == 0 && own_memory == 0)
    found.faults.emplace_back(std::string(attack.id) + " printed no figures");
  if (stage.facts.cpu_us < own_cpu - own_cpu / 50) fault("CPU time", stage.facts.cpu_us, own_cpu);
  if (own_cpu > static_cast<std::uint64_t>(stage.limits.cpu_time.count()) &&
      ended.result.outcome != cell::Outcome::cpu_time_limit)
    found.faults.push_back("it used " + std::to_string(own_cpu) + " us and was let through");
  if (ended.all_cpu.count() >= 0) {
    const auto all =
        static_cast<std::uint64_t>(std::max(ended.all_cpu - set_up_, Duration(0)).count());
    if (stage.facts.cpu_us > all + all / 20 + 2000) fault("CPU time", stage.facts.cpu_us, all);
  }
  if (stage.facts.memory_peak_bytes < own_memory - own_memory / 100)
    fault("memory", stage.facts.memory_peak_bytes, own_memory);
}

CaseResult Runner::run_refused(const Attack& attack) const {
  CaseResult found;
  found.attack = &attack;
  found.status = "refused";
  for (const std::string_view setting : attack.limits) {
    cell::Limits limits;
    const auto set = set_limits(limits, std::span(&setting, 1));
    const std::string_view name = setting.substr(0, setting.find('='));
    if (set) {
      found.faults.push_back(std::string(setting) + " was taken");
    } else if (set.error().what.find(name) == std::string::npos) {
      found.faults.push_back(std::string(setting) + ": " + set.error().what);
    }
  }
  return found;
}

CaseResult Runner::run(const Attack& attack, bool with_neighbour) {
  if (attack.refused_limits) return run_refused(attack);
  CaseResult found;
  found.attack = &attack;
  found.skipped = reason_to_skip(attack);
  if (!found.skipped.empty()) return found;
  const unsigned instance = keeper_->abilities().instance;
  const HostState before = HostState::look(keeper_->pid(), instance);

  // What a neighbour takes alone, and what making its cell takes of the keeper.
  if ((with_neighbour || attack.accounting) && neighbour_alone_.count() == 0) {
    const auto alone = time_neighbour_alone();
    if (!alone) {
      found.faults.push_back(alone.error().what);
      return found;
    }
    neighbour_alone_ = *alone;
  }

  std::vector<Ended> ended;
  if (with_neighbour) {
    Neighbour neighbour(*this, [&] { loop_->stop(); });
    neighbour.start();
    ended = run_cells(attack, &neighbour);
    // The one of the two that ends last stops the loop; the other may have stopped it before.
    while (!neighbour.is_idle() && loop_->run()) {
    }
    found.faults.insert(found.faults.end(), neighbour.faults().begin(), neighbour.faults().end());
    if (neighbour.median().count() > 0) {
      found.neighbour = static_cast<double>(neighbour.median().count()) /
                        static_cast<double>(neighbour_alone_.count());
    }
  } else {
    ended = run_cells(attack, nullptr);
    // A busier or an idler host than before makes cells in another time.
    if (attack.accounting) {
      if (const auto again = time_neighbour_alone(); !again)
        found.faults.push_back(again.error().what);
    }
  }

  std::vector<Duration> over;
  for (std::size_t place = 0; place < ended.size(); ++place) {
    CaseResult one;
    check_result(attack, static_cast<unsigned>(place), ended.at(place), one);
    for (const std::string& fault : one.faults) {
      found.faults.push_back(ended.size() == 1 ? fault
                                               : "cell " + std::to_string(place) + ": " + fault);
    }
    found.notes.insert(found.notes.end(), one.notes.begin(), one.notes.end());
    if (ended.at(place).fault.empty())
      over.push_back(past_limit(ended.at(place).result.stages.back()));
  }
  std::ranges::sort(over);
  if (const auto most = Duration(static_cast<Duration::rep>(attack.most_over_us));
      most.count() > 0 && !over.empty() && over.at(over.size() * 99 / 100) > most) {
    found.faults.push_back("99 of 100 ended within " +
                           base::to_text(over.at(over.size() * 99 / 100)) + " past the limit");
  }
  if (found.faults.size() > kMostFaults) {
    const std::size_t more = found.faults.size() - kMostFaults;
    found.faults.resize(kMostFaults);
    found.faults.push_back("and " + std::to_string(more) + " more");
  }
  if (!attack.differs.empty()) check_differs(attack, ended, found);
  const Ended& first = ended.front();
  if (first.fault.empty()) {
    const job::StageResult& stage = first.result.stages.back();
    found.status = cell::outcome_name(first.result.outcome);
    found.wall = Duration(static_cast<Duration::rep>(stage.facts.wall_us));
    found.over = over.back();
  }
  const auto left = before.left_in(HostState::look(keeper_->pid(), instance));
  for (const auto& more : {left, canaries_.faults(), services_->faults(), log_.complaints()})
    found.faults.insert(found.faults.end(), more.begin(), more.end());
  return found;
}

std::vector<std::string> Runner::left_at_end() {
  return at_start_->left_in(HostState::look(keeper_->pid(), keeper_->abilities().instance));
}

}  // namespace retort::selftest
