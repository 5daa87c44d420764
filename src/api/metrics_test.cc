// Tests of metrics.h: what was counted is in the exposition, and no caller can add a time series.
#include "api/metrics.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

namespace retort::api {
namespace {

MetricLabels labels() {
  return {.version = "1.2.3",
          .runtimes = {"python", "cpp", "python"},
          .operations = {"run", "jobs.create"},
          .refusals = {"queue_full", "bad_request"}};
}

// Every sample by its name with labels; fails when a line is none of the text format's.
std::map<std::string, double> samples(Metrics& metrics) {
  static const std::regex kLineForm(
      R"(([a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})?) ([-+0-9.eInf]+))");
  std::map<std::string, double> all;
  std::istringstream lines(metrics.exposition());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) continue;
    std::smatch parts;
    EXPECT_TRUE(std::regex_match(line, parts, kLineForm)) << line;
    if (!parts.empty()) all[parts[1].str()] = std::stod(parts[4].str());
  }
  return all;
}

TEST(Metrics, CountsJobsByRuntimeAndStatus) {
  Metrics metrics(labels());
  metrics.job_ended("python", cell::Outcome::ok);
  metrics.job_ended("python", cell::Outcome::ok);
  metrics.job_ended("cpp", cell::Outcome::memory_limit);
  auto all = samples(metrics);
  EXPECT_EQ(all[R"(retort_jobs_total{runtime="python",status="ok"})"] +
                all[R"(retort_jobs_total{status="ok",runtime="python"})"],
            2);
  EXPECT_EQ(std::ranges::count_if(all,
                                  [](const auto& sample) {
                                    return sample.second != 0 &&
                                           sample.first.starts_with("retort_jobs_total");
                                  }),
            2);
}

TEST(Metrics, WhatIsNotInTheClosedSetsIsOneSeriesAndNoMore) {
  Metrics metrics(labels());
  metrics.job_ended("other", cell::Outcome::ok);
  metrics.request_ended("x", 200);
  metrics.refused("x");
  const std::size_t before = samples(metrics).size();
  for (int i = 0; i < 1000; ++i) {
    const std::string word = "x\"\n" + std::to_string(i);
    metrics.job_ended(word, cell::Outcome::ok);
    metrics.request_ended(word, 200);
    metrics.refused(word);
  }
  auto all = samples(metrics);
  EXPECT_EQ(all.size(), before);
  EXPECT_EQ(all[R"(retort_refusals_total{code="other"})"], 1001);
}

TEST(Metrics, KeepsTheClassOfAStatus) {
  Metrics metrics(labels());
  for (const unsigned status : {200U, 204U, 404U, 429U, 503U, 101U, 0U, 999U}) {
    metrics.request_ended("run", status);
  }
  double total = 0;
  std::map<std::string, double> by_class;
  for (const auto& [name, value] : samples(metrics)) {
    if (!name.starts_with("retort_http_requests_total")) continue;
    total += value;
    EXPECT_TRUE(name.contains(R"(operation="run")"));
    for (const std::string word : {"1xx", "2xx", "3xx", "4xx", "5xx"}) {
      if (name.contains("status=\"" + word + "\"")) by_class[word] = value;
    }
  }
  EXPECT_EQ(total, 8);
  EXPECT_EQ(by_class,
            (std::map<std::string, double>{{"1xx", 2}, {"2xx", 2}, {"4xx", 2}, {"5xx", 2}}));
}

TEST(Metrics, MeasuresPhasesInSeconds) {
  Metrics metrics(labels());
  metrics.phase_took(Phase::queue, base::Duration(2'000));
  metrics.phase_took(Phase::queue, base::Duration(3'000'000));
  metrics.phase_took(Phase::run, base::Duration(1'500'000));
  auto all = samples(metrics);
  EXPECT_EQ(all[R"(retort_phase_seconds_count{phase="queue"})"], 2);
  EXPECT_NEAR(all[R"(retort_phase_seconds_sum{phase="queue"})"], 3.002, 1e-9);
  EXPECT_EQ(all[R"(retort_phase_seconds_bucket{phase="queue",le="0.001"})"], 0);
  EXPECT_EQ(all[R"(retort_phase_seconds_bucket{phase="queue",le="0.0025"})"], 1);
  EXPECT_EQ(all[R"(retort_phase_seconds_bucket{phase="queue",le="+Inf"})"], 2);
  EXPECT_NEAR(all[R"(retort_phase_seconds_sum{phase="run"})"], 1.5, 1e-9);
  EXPECT_EQ(all[R"(retort_phase_seconds_count{phase="compile"})"], 0);
}

TEST(Metrics, ShowsWhatIsSetAndCounted) {
  Metrics metrics(labels());
  metrics.queue_is(3, base::ByteSize::of_bytes(4096));
  metrics.cell_started();
  metrics.cell_started();
  metrics.cell_ended();
  metrics.capacity_is(8, base::ByteSize::of_bytes(1ULL << 40U));
  metrics.memory_admitted_is(base::ByteSize::of_bytes(1024));
  metrics.cache_hit();
  metrics.cache_missed();
  metrics.cache_missed();
  metrics.cache_is(base::ByteSize::of_bytes(77));
  metrics.connections_are(1);
  metrics.blobs_are(base::ByteSize::of_bytes(5));
  metrics.jobs_stored_are(6);
  metrics.webhook_delivered();
  metrics.webhook_failed();
  metrics.refused("queue_full");
  auto all = samples(metrics);
  const std::map<std::string, double> wanted = {
      {"retort_queue_jobs", 3},
      {"retort_queue_bytes", 4096},
      {"retort_cells_running", 1},
      {"retort_cells_made_total", 2},
      {"retort_slots", 8},
      {"retort_memory_bytes", 1099511627776.0},
      {"retort_memory_admitted_bytes", 1024},
      {"retort_cache_hits_total", 1},
      {"retort_cache_misses_total", 2},
      {"retort_cache_bytes", 77},
      {"retort_connections", 1},
      {"retort_blobs_bytes", 5},
      {"retort_jobs_stored", 6},
      {R"(retort_webhooks_total{outcome="delivered"})", 1},
      {R"(retort_webhooks_total{outcome="failed"})", 1},
      {R"(retort_refusals_total{code="queue_full"})", 1},
      {R"(retort_refusals_total{code="bad_request"})", 0},
      {R"(retort_build_info{version="1.2.3"})", 1}};
  for (const auto& [name, value] : wanted) {
    ASSERT_TRUE(all.contains(name)) << name;
    EXPECT_EQ(all[name], value) << name;
  }
  EXPECT_GT(all["process_resident_memory_bytes"], 100'000);
  EXPECT_GE(all["process_open_fds"], 3);
  EXPECT_GE(all["process_max_fds"], all["process_open_fds"]);
  EXPECT_TRUE(all.contains("process_cpu_seconds_total"));
}

TEST(Metrics, EveryFamilyIsInTheReference) {
  std::ifstream stream(RETORT_SOURCE_DIR "/docs/reference/metrics.md");
  const std::string page{std::istreambuf_iterator<char>(stream), {}};
  Metrics metrics(labels());
  metrics.job_ended("cpp", cell::Outcome::ok);
  metrics.request_ended("run", 200);
  std::istringstream lines(metrics.exposition());
  std::size_t found = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# HELP ")) continue;
    const std::string name = line.substr(7, line.find(' ', 7) - 7);
    EXPECT_TRUE(page.contains("| `" + name + "` |")) << name;
    ++found;
  }
  EXPECT_EQ(found, 23U);
}

TEST(Metrics, LosesNothingWhenThreadsCountAtOnce) {
  Metrics metrics(labels());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) metrics.job_ended("cpp", cell::Outcome::ok);
    });
  }
  for (std::thread& thread : threads) thread.join();
  double total = 0;
  for (const auto& [name, value] : samples(metrics)) {
    if (name.starts_with("retort_jobs_total")) total += value;
  }
  EXPECT_EQ(total, 40'000);
}

}  // namespace
}  // namespace retort::api
