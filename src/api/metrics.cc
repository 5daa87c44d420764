// Metrics: prometheus-cpp behind plain calls; the only file that includes it.
#include "api/metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <memory>
#include <optional>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "kernel/files.h"

namespace retort::api {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

constexpr std::string_view kOther = "other";
constexpr std::array<std::string_view, kPhaseCount> kPhases = {
    "queue", "setup", "compile", "run", "collect"};
constexpr std::array<std::string_view, 5> kStatusClasses = {"1xx", "2xx", "3xx", "4xx", "5xx"};

// In seconds: a cell is made in milliseconds, a job may run for minutes.
Histogram::BucketBoundaries buckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
}

double number(std::uint64_t value) {
  return static_cast<double>(value);
}

// A closed set of words with a number each; the last number is for all others.
class Words {
 public:
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {
    std::ranges::sort(words_);
    words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
  }
  [[nodiscard]] std::size_t size() const { return words_.size() + 1; }
  [[nodiscard]] std::size_t place(std::string_view word) const {
    const auto found = std::ranges::lower_bound(words_, word);
    if (found == words_.end() || *found != word) return words_.size();
    return static_cast<std::size_t>(found - words_.begin());
  }
  [[nodiscard]] std::string word(std::size_t place) const {
    return place < words_.size() ? words_[place] : std::string(kOther);
  }

 private:
  std::vector<std::string> words_;
};

// Counters of one family by words of two sets; each is made when it is first counted.
class CounterTable {
 public:
  CounterTable(prometheus::Family<Counter>& family,
               std::string rows_label,
               Words rows,
               std::string columns_label,
               std::vector<std::string> columns)
      : family_(family),
        rows_label_(std::move(rows_label)),
        rows_(std::move(rows)),
        columns_label_(std::move(columns_label)),
        columns_(std::move(columns)),
        counters_(rows_.size() * columns_.size()) {}

  void count(std::string_view row_word, std::size_t column) {
    const std::size_t row = rows_.place(row_word);
    std::atomic<Counter*>& slot = counters_.at(row * columns_.size() + column);
    Counter* counter = slot.load(std::memory_order_acquire);
    if (counter == nullptr) {
      // Two threads that come here at once get the same counter: Add locks.
      counter =
          &family_.Add({{rows_label_, rows_.word(row)}, {columns_label_, columns_.at(column)}});
      slot.store(counter, std::memory_order_release);
    }
    counter->Increment();
  }

 private:
  prometheus::Family<Counter>& family_;
  std::string rows_label_;
  Words rows_;
  std::string columns_label_;
  std::vector<std::string> columns_;
  std::vector<std::atomic<Counter*>> counters_;
};

std::vector<std::string> outcome_words() {
  const auto names = cell::outcome_names();
  return {names.begin(), names.end()};
}

std::vector<std::string> status_words() {
  return {kStatusClasses.begin(), kStatusClasses.end()};
}

// The second number of /proc/self/statm: pages that are resident (proc(5)).
std::optional<std::uint64_t> resident_bytes() {
  const auto text = kernel::read_small_file(AT_FDCWD, "/proc/self/statm");
  if (!text) return std::nullopt;
  const std::size_t space = text->find(' ');
  if (space == std::string::npos) return std::nullopt;
  std::uint64_t pages = 0;
  const char* const end = text->data() + text->size();
  if (std::from_chars(text->data() + space + 1, end, pages).ec != std::errc{}) return std::nullopt;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<std::uint64_t> open_descriptors() {
  struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  const std::unique_ptr<DIR, Close> stream(::opendir("/proc/self/fd"));
  if (!stream) return std::nullopt;
  std::uint64_t count = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count - 1;  // the one that reads the folder
}

}  // namespace

struct Metrics::Series {
  explicit Series(const MetricLabels& labels)
      : jobs(counters("retort_jobs_total", "Jobs that ended, by runtime and status."),
             "runtime",
             Words(labels.runtimes),
             "status",
             outcome_words()),
        requests(counters("retort_http_requests_total",
                          "Requests answered, by operation and class of status."),
                 "operation",
                 Words(labels.operations),
                 "status",
                 status_words()),
        refusal_words(labels.refusals),
        queue_jobs(gauge("retort_queue_jobs", "Jobs that wait for a slot.")),
        queue_bytes(gauge("retort_queue_bytes", "Bytes of the jobs that wait.")),
        cells_running(gauge("retort_cells_running", "Cells that stand.")),
        cells_made(counter("retort_cells_made_total", "Cells made since the start.")),
        slots(gauge("retort_slots", "Jobs, and tests side by side, that may run at one time.")),
        memory(gauge("retort_memory_bytes", "What the memory limits of running cells may sum to.")),
        memory_admitted(gauge("retort_memory_admitted_bytes",
                              "What the memory limits of the running cells sum to.")),
        cache_hits(counter("retort_cache_hits_total", "Compilations answered by the cache.")),
        cache_misses(counter("retort_cache_misses_total", "Compilations that took place.")),
        cache_bytes(gauge("retort_cache_bytes", "Bytes of the compile cache.")),
        connections(gauge("retort_connections", "Open connections of clients.")),
        blobs_bytes(gauge("retort_blobs_bytes", "Bytes of all blobs.")),
        jobs_stored(gauge("retort_jobs_stored", "Asynchronous jobs and results that are kept.")),
        memory_of_process(gauge("process_resident_memory_bytes", "Resident memory in bytes.")),
        descriptors(gauge("process_open_fds", "Open file descriptors.")),
        most_descriptors(gauge("process_max_fds", "Most open file descriptors.")),
        cpu_seconds(counter("process_cpu_seconds_total", "User and system CPU time in seconds.")) {
    prometheus::BuildGauge()
        .Name("retort_build_info")
        .Help("1, with the version as a label.")
        .Register(registry)
        .Add({{"version", labels.version}})
        .Set(1);
    auto& phase_family = prometheus::BuildHistogram()
                             .Name("retort_phase_seconds")
                             .Help("What each phase of a job took; queue is the wait for a slot.")
                             .Register(registry);
    for (std::size_t i = 0; i < kPhaseCount; ++i) {
      phases.at(i) = &phase_family.Add({{"phase", std::string(kPhases.at(i))}}, buckets());
    }
    auto& refusal_family = counters("retort_refusals_total", "Requests refused, by code.");
    for (std::size_t i = 0; i < refusal_words.size(); ++i) {
      refusals.push_back(&refusal_family.Add({{"code", refusal_words.word(i)}}));
    }
    auto& webhooks = counters("retort_webhooks_total", "Results sent to addresses, by outcome.");
    webhooks_delivered = &webhooks.Add({{"outcome", "delivered"}});
    webhooks_failed = &webhooks.Add({{"outcome", "failed"}});
  }

  prometheus::Family<Counter>& counters(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  Counter& counter(const char* name, const char* help) { return counters(name, help).Add({}); }
  Gauge& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
  }

  prometheus::Registry registry;  // first: it owns what the others refer to
  CounterTable jobs;
  CounterTable requests;
  Words refusal_words;
  Gauge& queue_jobs;
  Gauge& queue_bytes;
  Gauge& cells_running;
  Counter& cells_made;
  Gauge& slots;
  Gauge& memory;
  Gauge& memory_admitted;
  Counter& cache_hits;
  Counter& cache_misses;
  Gauge& cache_bytes;
  Gauge& connections;
  Gauge& blobs_bytes;
  Gauge& jobs_stored;
  Gauge& memory_of_process;
  Gauge& descriptors;
  Gauge& most_descriptors;
  Counter& cpu_seconds;
  std::array<Histogram*, kPhaseCount> phases{};
  std::vector<Counter*> refusals;
  Counter* webhooks_delivered = nullptr;
  Counter* webhooks_failed = nullptr;
};

Metrics::Metrics(const MetricLabels& labels) : series_(std::make_unique<Series>(labels)) {}
Metrics::~Metrics() = default;

void Metrics::job_ended(std::string_view runtime, cell::Outcome outcome) {
  series_->jobs.count(runtime, static_cast<std::size_t>(outcome));
}

void Metrics::phase_took(Phase phase, base::Duration duration) {
  series_->phases.at(static_cast<std::size_t>(phase))
      ->Observe(std::chrono::duration<double>(duration).count());
}

void Metrics::queue_is(std::uint64_t jobs, base::ByteSize bytes) {
  series_->queue_jobs.Set(number(jobs));
  series_->queue_bytes.Set(number(bytes.bytes()));
}

void Metrics::cell_started() {
  series_->cells_made.Increment();
  series_->cells_running.Increment();
}

void Metrics::cell_ended() {
  series_->cells_running.Decrement();
}

void Metrics::capacity_is(std::uint64_t slots, base::ByteSize memory) {
  series_->slots.Set(number(slots));
  series_->memory.Set(number(memory.bytes()));
}

void Metrics::memory_admitted_is(base::ByteSize memory) {
  series_->memory_admitted.Set(number(memory.bytes()));
}

void Metrics::cache_hit() {
  series_->cache_hits.Increment();
}

void Metrics::cache_missed() {
  series_->cache_misses.Increment();
}

void Metrics::cache_is(base::ByteSize bytes) {
  series_->cache_bytes.Set(number(bytes.bytes()));
}

void Metrics::request_ended(std::string_view operation, unsigned status) {
  series_->requests.count(operation, std::clamp(status / 100, 1U, 5U) - 1);
}

void Metrics::refused(std::string_view code) {
  series_->refusals.at(series_->refusal_words.place(code))->Increment();
}

void Metrics::connections_are(std::uint64_t count) {
  series_->connections.Set(number(count));
}

void Metrics::blobs_are(base::ByteSize bytes) {
  series_->blobs_bytes.Set(number(bytes.bytes()));
}

void Metrics::jobs_stored_are(std::uint64_t jobs) {
  series_->jobs_stored.Set(number(jobs));
}

void Metrics::webhook_delivered() {
  series_->webhooks_delivered->Increment();
}

void Metrics::webhook_failed() {
  series_->webhooks_failed->Increment();
}

std::string Metrics::exposition() {
  if (const auto bytes = resident_bytes()) series_->memory_of_process.Set(number(*bytes));
  if (const auto count = open_descriptors()) series_->descriptors.Set(number(*count));
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0)
    series_->most_descriptors.Set(number(descriptors.rlim_cur));
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    const double total = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    series_->cpu_seconds.Increment(total - series_->cpu_seconds.Value());
  }
  return prometheus::TextSerializer().Serialize(series_->registry.Collect());
}

}  // namespace retort::api
