// Interrupts: SIGINT and its like for commands that do one thing after the other.
#pragma once

#include <algorithm>
#include <csignal>
#include <ctime>

namespace retort::cli {

// Signals that would end this process are looked at between runs only: folders and cells go with
// the objects that own them.
class Interrupts {
 public:
  Interrupts() {
    ::sigemptyset(&signals_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals_, number);
    ::sigprocmask(SIG_BLOCK, &signals_, nullptr);
  }

  // The signal that came, or 0.
  int caught() {
    const timespec at_once{};
    if (caught_ == 0) caught_ = std::max(::sigtimedwait(&signals_, nullptr, &at_once), 0);
    return caught_;
  }

 private:
  sigset_t signals_{};
  int caught_ = 0;
};

}  // namespace retort::cli
