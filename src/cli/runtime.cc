// retort runtime: ls, info and test.
#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "base/bytes.h"
#include "cell/filter.h"
#include "cli/commands.h"
#include "cli/workbench.h"
#include "kernel/files.h"
#include "runtime/command.h"
#include "text/json.h"

namespace retort::cli {

using base::Result;
using base::Status;
using text::json::array;
using text::json::object;

namespace {

constexpr std::size_t kLargestSample = 1U << 20U;

array words(const std::vector<std::string>& list) {
  array result;
  for (const std::string& word : list) result.emplace_back(word);
  return result;
}

std::vector<std::string> add_ons_of(const runtime::StageSpec& stage) {
  std::vector<std::string> names;
  for (const cell::AddOnInfo& info : cell::kAddOns) {
    if ((stage.add_ons & info.add_on) != 0) names.emplace_back(info.name);
  }
  return names;
}

object limits_of(const cell::Limits& limits) {
  object result;
  for (const cell::LimitInfo& info : cell::limit_infos())
    result[info.name] = cell::limit_text(limits, info.limit);
  return result;
}

object summary(const runtime::CatalogueEntry& entry, const std::string& version) {
  const runtime::Manifest& manifest = entry.manifest;
  object record;
  record["id"] = manifest.id;
  record["name"] = manifest.name;
  if (version.empty()) {
    record["version"] = nullptr;
  } else {
    record["version"] = version;
  }
  record["aliases"] = words(manifest.aliases);
  record["extensions"] = words(manifest.extensions);
  record["image"] = manifest.image;
  record["available"] = entry.is_available();
  record["reason"] = entry.reason();
  return record;
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& word : list) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

void print_stage(const char* name, const runtime::StageSpec& stage) {
  std::printf("%s\n  command     %s\n", name, joined(stage.command).c_str());
  for (const auto& [variable, value] : stage.env)
    std::printf("  %-11s %s\n", variable.c_str(), value.c_str());
  if (stage.add_ons != 0) std::printf("  add-ons     %s\n", joined(add_ons_of(stage)).c_str());
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    std::printf("  %-11s %s\n",
                std::string(info.name).c_str(),
                cell::limit_text(stage.limits, info.limit).c_str());
  }
}

// One word for a table, and the faults of a broken manifest below its line.
std::string status_of(const runtime::CatalogueEntry& entry) {
  if (entry.is_available()) return "available";
  if (!entry.is_broken()) return entry.reason();
  std::string text = "broken:";
  std::istringstream faults(entry.faults);
  for (std::string fault; std::getline(faults, fault);) text.append("\n    ").append(fault);
  return text;
}

// Versions are asked in cells; where no cell can be made they are unknown, and the list is still of
// use.
std::string version_or_nothing(Result<Workbench>& bench, const runtime::CatalogueEntry& entry) {
  if (!bench || !entry.is_available()) return {};
  return find_version(*bench, entry.manifest).value_or("");
}

Result<job::Submission> submission_of(const runtime::Manifest& manifest,
                                      const runtime::Sample& sample) {
  job::Submission submission;
  submission.program.runtime = &manifest;
  for (const std::string& file : sample.files) {
    RETORT_TRY(std::string name, runtime::submitted_name(sample, file));
    RETORT_TRY(std::string content,
               kernel::read_small_file(AT_FDCWD, manifest.folder + "/" + file, kLargestSample));
    submission.program.files.push_back({.name = std::move(name), .content = std::move(content)});
  }
  submission.program.args = sample.args;
  submission.program.run_limits = manifest.run.limits;
  submission.program.compile_limits =
      manifest.compile ? manifest.compile->stage.limits : cell::compile_defaults();
  submission.streams.stdin_text = sample.stdin_text;
  return submission;
}

// What differs from what the manifest promises; empty when nothing does.
Result<std::string> differences(Workbench& bench,
                                const runtime::Manifest& manifest,
                                const runtime::Sample& sample) {
  RETORT_TRY(auto submission, submission_of(manifest, sample));
  submission.allow_unenforced = bench.keeper->abilities().unenforceable;
  RETORT_TRY(const auto result, bench.run(std::move(submission)));
  std::string found;
  const auto note = [&](const std::string& what) {
    found.append("    ").append(what).append("\n");
  };
  const std::string status(cell::outcome_name(result.outcome));
  const job::StageResult& last = result.stages.back();
  if (status != sample.status)
    note("status " + status + " (" + result.message + "), expected " + sample.status);
  if (last.name == "run" && last.stdout_text.bytes != sample.stdout_text) {
    note("stdout \"" + base::printable(last.stdout_text.bytes.substr(0, 200)) + "\", expected \"" +
         base::printable(sample.stdout_text.substr(0, 200)) + "\"");
  }
  if (sample.exit_code && last.verdict.exit_code != sample.exit_code) {
    note("exit code " +
         (last.verdict.exit_code ? std::to_string(*last.verdict.exit_code) : "none") +
         ", expected " + std::to_string(*sample.exit_code));
  }
  if (!found.empty() && !last.stderr_text.bytes.empty()) {
    note("stderr \"" + base::printable(last.stderr_text.bytes.substr(0, 400)) + "\"");
  }
  return found;
}

}  // namespace

int runtime_ls(const RuntimeOptions& options) {
  const auto catalogue = load_catalogue();
  if (!catalogue) return complain(catalogue.error());
  auto bench = Workbench::open();
  array list;
  if (!options.json)
    std::printf("%-12s %-24s %-10s %-18s %s\n", "ID", "NAME", "VERSION", "FILES", "STATUS");
  for (const runtime::CatalogueEntry& entry : catalogue->entries()) {
    const std::string version = version_or_nothing(bench, entry);
    if (options.json) {
      list.push_back(summary(entry, version));
      continue;
    }
    std::string files;
    for (const std::string& extension : entry.manifest.extensions)
      files.append(files.empty() ? "." : " .").append(extension);
    std::printf("%-12s %-24s %-10s %-18s %s\n",
                entry.manifest.id.c_str(),
                entry.manifest.name.c_str(),
                version.empty() ? "-" : version.c_str(),
                files.c_str(),
                status_of(entry).c_str());
  }
  if (options.json) std::puts(text::pretty(list).c_str());
  return 0;
}

int runtime_info(const RuntimeOptions& options) {
  const auto catalogue = load_catalogue();
  if (!catalogue) return complain(catalogue.error());
  const auto found = catalogue->find(options.id);
  if (!found) return complain(found.error(), kUsage);
  const runtime::CatalogueEntry& entry = **found;
  const runtime::Manifest& manifest = entry.manifest;
  auto bench = Workbench::open();
  const std::string version = version_or_nothing(bench, entry);
  if (options.json) {
    object record = summary(entry, version);
    record["packages"] = words(manifest.packages);
    if (manifest.compile) {
      record["compile"] = {{"command", words(manifest.compile->stage.command)},
                           {"artefacts", words(manifest.compile->artefacts)},
                           {"add_ons", words(add_ons_of(manifest.compile->stage))},
                           {"limits", limits_of(manifest.compile->stage.limits)}};
    } else {
      record["compile"] = nullptr;
    }
    if (manifest.run.command.empty()) {  // the manifest could not be read
      record["run"] = nullptr;
    } else {
      record["run"] = {{"command", words(manifest.run.command)},
                       {"add_ons", words(add_ons_of(manifest.run))},
                       {"limits", limits_of(manifest.run.limits)}};
    }
    array samples;
    for (const runtime::Sample& sample : manifest.samples) samples.emplace_back(sample.name);
    record["samples"] = samples;
    std::puts(text::pretty(record).c_str());
    return 0;
  }
  std::printf("%s\n  id          %s\n", manifest.name.c_str(), manifest.id.c_str());
  std::printf("  version     %s\n", version.empty() ? "unknown" : version.c_str());
  std::printf("  also called %s\n", joined(manifest.aliases).c_str());
  std::printf("  files       %s\n", joined(manifest.extensions).c_str());
  std::printf("  image       %s\n", manifest.image.c_str());
  std::printf("  manifest    %s/runtime.toml\n", manifest.folder.c_str());
  std::printf("  status      %s\n", status_of(entry).c_str());
  if (manifest.run.command.empty()) return 0;  // it could not be read, so nothing is known
  if (manifest.compile) print_stage("compile", manifest.compile->stage);
  print_stage("run", manifest.run);
  return 0;
}

int runtime_test(const RuntimeOptions& options) {
  const auto catalogue = load_catalogue();
  if (!catalogue) return complain(catalogue.error());
  auto bench = Workbench::open();
  if (!bench) return complain(bench.error());
  std::vector<const runtime::CatalogueEntry*> chosen;
  if (!options.id.empty()) {
    const auto found = catalogue->find(options.id);
    if (!found) return complain(found.error(), kUsage);
    if (!(*found)->is_available() && !(*found)->is_broken()) {
      return complain((*found)->refusal());
    }
    chosen.push_back(*found);
  } else {
    for (const auto& entry : catalogue->entries()) chosen.push_back(&entry);
  }
  unsigned passed = 0;
  unsigned failed = 0;
  unsigned skipped = 0;
  for (const auto* entry : chosen) {
    const runtime::Manifest& manifest = entry->manifest;
    if (entry->is_broken()) {
      std::printf("FAIL  %s: %s\n", manifest.id.c_str(), status_of(*entry).c_str());
      ++failed;
      continue;
    }
    if (!entry->is_available()) {
      std::printf("skip  %s: %s\n", manifest.id.c_str(), entry->reason().c_str());
      ++skipped;
      continue;
    }
    for (const runtime::Sample& sample : manifest.samples) {
      const auto found = differences(*bench, manifest, sample);
      if (!found) return complain(found.error());
      const bool ok = found->empty();
      std::printf("%s  %s: %s\n%s",
                  ok ? "ok  " : "FAIL",
                  manifest.id.c_str(),
                  sample.name.c_str(),
                  found->c_str());
      ++(ok ? passed : failed);
    }
  }
  std::printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
  return failed == 0 ? 0 : 1;
}

}  // namespace retort::cli
