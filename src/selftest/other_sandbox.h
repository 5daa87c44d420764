// Other sandbox: an attack of the corpus in bubblewrap, nsjail or runc, set up as their own
// documents do it, to compare what each lets through.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "selftest/attack.h"

namespace retort::selftest {

// What came of it there: the lines by which the attack tells what it got; none when it lost.
struct OtherResult {
  std::string status;  // "ok", "exit code 1", "signal 9", "no end"
  std::vector<std::string> breaches;
  // Calls that got as far as the kernel, which refused them itself: a part of its surface that no
  // cell of Retort's reaches, and nothing gained.
  std::vector<std::string> reached;

  [[nodiscard]] bool held() const {
    return breaches.empty() && (status == "ok" || !reached.empty());
  }
};

class OtherSandbox {
 public:
  // `tool` is one of other_sandboxes(). Fault::not_found when it is not installed.
  static base::Result<std::unique_ptr<OtherSandbox>> open(const std::string& tool);
  OtherSandbox(const OtherSandbox&) = delete;
  OtherSandbox& operator=(const OtherSandbox&) = delete;
  ~OtherSandbox();

  // Only attacks that are `portable` and need one cell make sense.
  base::Result<OtherResult> run(const Attack& attack);
  // The command that it runs, for people to judge.
  [[nodiscard]] std::string recipe() const;

 private:
  OtherSandbox(std::string tool, std::string folder)
      : tool_(std::move(tool)), folder_(std::move(folder)) {}
  base::Status prepare();
  [[nodiscard]] std::vector<std::string> command(std::string_view id) const;

  [[nodiscard]] std::string container() const;  // runc's name for it

  std::string tool_;
  std::string folder_;  // with the attack's program in it
};

std::vector<std::string> other_sandboxes();

}  // namespace retort::selftest
