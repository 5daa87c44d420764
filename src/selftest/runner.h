// Runner: an attack in its cells, a neighbour beside it, and what both must have left alone.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cell/filter.h"
#include "job/job.h"
#include "keeper/client.h"
#include "kernel/event_loop.h"
#include "runtime/catalogue.h"
#include "selftest/attack.h"
#include "selftest/host.h"
#include "selftest/services.h"

namespace retort::selftest {

struct CaseResult {
  const Attack* attack = nullptr;
  std::string skipped;              // why it could not take place here
  std::vector<std::string> faults;  // what did not hold; empty: it did
  std::vector<std::string> notes;   // what it measured: its lines that begin with "note: "
  std::string status;               // of the first cell
  base::Duration wall{};            // of the first cell's last stage
  base::Duration over{};            // the most past the limit that ended a cell, when one did
  // The neighbour's wall time as a multiple of what it takes alone; absent without a neighbour.
  std::optional<double> neighbour;

  [[nodiscard]] bool held() const { return faults.empty(); }
};

class Runner {
 public:
  // Starts a keeper, plants the canaries. `catalogue` must outlive this object.
  static base::Result<std::unique_ptr<Runner>> open(const runtime::Catalogue& catalogue);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner();

  // `neighbour`: with an honest job beside it.
  CaseResult run(const Attack& attack, bool neighbour);
  // What the whole corpus left, once everything has run.
  std::vector<std::string> left_at_end();

 private:
  struct Ended {
    std::string fault;  // why no job took place; empty when one did
    job::JobResult result;
    base::Duration all_cpu{-1};  // of all cells of the keeper meanwhile; negative: not known
  };
  class Neighbour;

  Runner(const runtime::Catalogue& catalogue, Canaries canaries)
      : catalogue_(catalogue), canaries_(std::move(canaries)) {}
  base::Status prepare();
  base::Result<job::Submission> submission_for(const Attack& attack, unsigned place) const;
  job::Submission neighbour_submission(std::uint64_t seed) const;
  std::vector<Ended> run_cells(const Attack& attack, Neighbour* neighbour);
  base::Result<base::Duration> time_neighbour_alone();
  [[nodiscard]] std::string reason_to_skip(const Attack& attack) const;
  CaseResult run_refused(const Attack& attack) const;
  void check_result(const Attack& attack,
                    unsigned place,
                    const Ended& ended,
                    CaseResult& result) const;
  static void check_differs(const Attack& attack,
                            const std::vector<Ended>& ended,
                            CaseResult& result);
  void check_text(const Attack& attack,
                  unsigned place,
                  const job::JobResult& result,
                  CaseResult& found) const;
  void check_files(const Attack& attack, const job::JobResult& result, CaseResult& found) const;
  void check_figures(const Attack& attack, const Ended& ended, CaseResult& found) const;

  const runtime::Catalogue& catalogue_;
  Canaries canaries_;
  std::unique_ptr<Services> services_;
  KernelLog log_;
  std::unique_ptr<kernel::EventLoop> loop_;
  std::unique_ptr<keeper::Client> keeper_;
  std::string program_;
  std::array<runtime::Manifest, cell::kAllAddOns + 1> manifests_;  // by their add-ons
  base::Duration neighbour_alone_{};
  base::Duration set_up_ =
      base::Duration::max();  // CPU time that making and ending a cell takes at least
  std::optional<HostState> at_start_;
};

}  // namespace retort::selftest
