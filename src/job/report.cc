// Report: names with units, absent figures as null.
#include "job/report.h"

namespace retort::job {

using text::json::array;
using text::json::object;

namespace {

void put_stream(object& stage, const std::string& key, const OutputPump::Text& text) {
  text::put_bytes(stage, key, text.bytes);
  stage[key + "_total_bytes"] = text.total;
}

// Streams that were passed on keep no bytes here.
bool loses_bytes(const OutputPump::Text& text, const cell::Limits& limits) {
  return text.total > limits.output.bytes() || (!text.bytes.empty() && text.is_truncated());
}

}  // namespace

object to_json(const StageResult& stage) {
  object record;
  const cell::Facts& facts = stage.facts;
  const cell::Verdict& verdict = stage.verdict;
  record["name"] = stage.name;
  record["cached"] = stage.is_cached;
  record["status"] = cell::outcome_name(verdict.outcome);
  record["message"] = verdict.message;
  if (verdict.exit_code) {
    record["exit_code"] = *verdict.exit_code;
  } else {
    record["exit_code"] = nullptr;
  }
  if (verdict.signal) {
    record["signal"] = *verdict.signal;
  } else {
    record["signal"] = nullptr;
  }
  put_stream(record, "stdout", stage.stdout_text);
  put_stream(record, "stderr", stage.stderr_text);
  array truncated;
  if (loses_bytes(stage.stdout_text, stage.limits)) truncated.emplace_back("stdout");
  if (loses_bytes(stage.stderr_text, stage.limits)) truncated.emplace_back("stderr");
  record["truncated"] = truncated;
  record["cpu_time_us"] = facts.cpu_us;
  record["cpu_user_us"] = facts.cpu_user_us;
  record["cpu_system_us"] = facts.cpu_us - facts.cpu_user_us;
  record["wall_time_us"] = facts.wall_us;
  if (facts.has_memory_peak) {
    record["memory_peak_bytes"] = facts.memory_peak_bytes;
  } else {
    record["memory_peak_bytes"] = nullptr;
  }
  if (facts.has_processes_peak) {
    record["processes_peak"] = facts.processes_peak;
  } else {
    record["processes_peak"] = nullptr;
  }
  array hit;
  for (const cell::Limit limit : verdict.limits_hit) hit.emplace_back(cell::info_of(limit).name);
  record["limits_hit"] = hit;
  array weaker;
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    if ((facts.unenforced >> static_cast<unsigned>(info.limit) & 1U) != 0)
      weaker.emplace_back(info.name);
  }
  // Not enforced here, so that the figures behind them are estimates.
  record["unenforced"] = weaker;
  return record;
}

object to_json(const TestResult& test) {
  object record;
  if (test.run) record = to_json(*test.run);
  record["name"] = test.name;
  record["status"] = test.is_skipped ? "skipped" : cell::outcome_name(test.outcome);
  record["message"] = test.message;
  if (test.judge) {
    record["judge"] = to_json(*test.judge);
  } else {
    record["judge"] = nullptr;
  }
  return record;
}

void put_files(object& record, const std::vector<OutputFile>& files) {
  array listed;
  array folders;
  for (const OutputFile& file : files) {
    object entry;
    text::put_bytes(entry, "name", file.name);
    if (file.is_folder && file.refused.empty()) {
      folders.push_back(std::move(entry));
      continue;
    }
    if (file.refused.empty()) {
      entry["size_bytes"] = file.size;
      if (file.executable) entry["executable"] = true;
      if (file.content) text::put_bytes(entry, "content", *file.content);
    } else {
      entry["refused"] = file.refused;
    }
    listed.push_back(std::move(entry));
  }
  record["files"] = std::move(listed);
  record["folders"] = std::move(folders);
}

object to_json(const JobResult& result,
               const std::string& runtime,
               const std::vector<OutputFile>& files) {
  object record;
  record["status"] = cell::outcome_name(result.outcome);
  record["message"] = result.message;
  record["runtime"] = runtime;
  record["own_ids"] = result.has_own_ids;
  record["cached"] = result.is_cached;
  array stages;
  object timing;
  timing["queue_us"] = result.queued.count();
  timing["total_us"] = (result.queued + result.total).count();
  std::uint64_t setup = 0;
  std::uint64_t collect = 0;
  for (const StageResult& stage : result.stages) {
    stages.push_back(to_json(stage));
    if (stage.is_cached) continue;
    setup += stage.facts.setup_us;
    collect += stage.facts.collect_us;
    timing[stage.name + "_us"] = stage.facts.wall_us;
  }
  timing["setup_us"] = setup;
  timing["collect_us"] = collect;
  record["stages"] = stages;
  if (result.has_tests) {
    array tests;
    std::uint64_t run = 0;
    for (const TestResult& test : result.tests) {
      tests.push_back(to_json(test));
      for (const auto& stage : {&test.run, &test.judge}) {
        if (!*stage) continue;
        setup += (*stage)->facts.setup_us;
        if (stage == &test.run) run += (*stage)->facts.wall_us;
      }
    }
    timing["run_us"] = run;
    timing["setup_us"] = setup;
    record["tests"] = tests;
  }
  put_files(record, files);
  record["timing"] = timing;
  return record;
}

}  // namespace retort::job
