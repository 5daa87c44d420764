// Metrics: the server's figures for Prometheus (text format 0.0.4).
//
// The values of labels are a closed set that the constructor is given: the catalogue's runtimes,
// the operations of the API, the codes of refusals. Everything else counts as "other", so that no
// request can add a time series.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "cell/verdict.h"

namespace retort::api {

constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// The phases of a job; `queue` is the wait for a slot.
enum class Phase : std::uint8_t { queue, setup, compile, run, collect };
constexpr std::size_t kPhaseCount = 5;

struct MetricLabels {
  std::string version;
  std::vector<std::string> runtimes;    // ids of the catalogue
  std::vector<std::string> operations;  // "run", "jobs.create", …
  std::vector<std::string> refusals;    // codes of problem documents: "queue_full", …
};

// Any thread may use it. Counting takes a look-up in a table that never changes and an atomic
// addition; the first of a kind makes its time series.
class Metrics {
 public:
  explicit Metrics(const MetricLabels& labels);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();

  // Jobs.
  void job_ended(std::string_view runtime, cell::Outcome outcome);
  void phase_took(Phase phase, base::Duration duration);
  void queue_is(std::uint64_t jobs, base::ByteSize bytes);
  void cell_started();
  void cell_ended();
  void capacity_is(std::uint64_t slots, base::ByteSize memory);
  void memory_admitted_is(base::ByteSize memory);
  void cache_hit();
  void cache_missed();
  void cache_is(base::ByteSize bytes);

  // HTTP. `status` is the response's; of it the class is kept.
  void request_ended(std::string_view operation, unsigned status);
  void refused(std::string_view code);
  void connections_are(std::uint64_t count);

  // What is stored, and sent.
  void blobs_are(base::ByteSize bytes);
  void jobs_stored_are(std::uint64_t jobs);
  void webhook_delivered();
  void webhook_failed();  // given up

  // Everything, with this process's memory, descriptors and CPU time as of now.
  [[nodiscard]] std::string exposition();

 private:
  struct Series;  // prometheus-cpp's types, in metrics.cc
  std::unique_ptr<Series> series_;
};

}  // namespace retort::api
