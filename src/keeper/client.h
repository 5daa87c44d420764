// Client: the unprivileged side of the keeper's protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "base/fd.h"
#include "cell/cell.h"
#include "cell/facts.h"
#include "cell/limits.h"
#include "kernel/event_loop.h"
#include "kernel/process.h"
#include "kernel/terminal.h"

namespace retort::keeper {

// What this keeper can do on this host.
struct Abilities {
  std::uint32_t unenforceable = 0;  // bit per Limit
  unsigned group_version = 0;
  unsigned instance = 0;
  bool single_id = false;
  std::string reason;
};

struct Order {
  cell::Limits limits;
  std::uint32_t add_ons = 0;
  std::uint32_t allow_unenforced = 0;
  bool collect = false;
  std::uint64_t collect_bytes = 0;
  std::uint64_t collect_entries = 0;
  // The program's streams are one terminal of this size, and `started` gets its master alone.
  std::optional<kernel::TerminalSize> terminal = {};
};

class Client {
 public:
  // Exactly one of `ended` and `refused` is called, last.
  struct Callbacks {
    std::function<void(cell::Streams)> started;
    std::function<void(const cell::Facts&)> ended;
    std::function<void(const base::Error&)> refused;
  };

  // Starts a keeper of our own, the program retort-keeper beside this one; it ends with this
  // object. Waits until it serves, or returns why it does not. Fault::gone when the descriptor
  // `interrupt` becomes readable first; nothing is read from it, and no keeper is left.
  static base::Result<std::unique_ptr<Client>> start(kernel::EventLoop& loop, int interrupt = -1);
  // A keeper that somebody else starts for each client of the socket at `path` (SOCK_SEQPACKET), as
  // systemd does with Accept=yes. Waits likewise.
  static base::Result<std::unique_ptr<Client>> connect(kernel::EventLoop& loop,
                                                       const std::string& path);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // Called once, from the loop, when the keeper has died. What was under way has been told before.
  void on_lost(std::function<void()> callback) { on_lost_ = std::move(callback); }

  [[nodiscard]] const Abilities& abilities() const { return abilities_; }
  // The keeper's process, for those who watch its figures; 0 when somebody else started it.
  [[nodiscard]] pid_t pid() const { return keeper_.pid; }

  // Runs a sealed bundle in a new cell. Returns the number by which it can be cancelled.
  std::uint64_t run(const Order& order, const base::Fd& bundle, Callbacks callbacks);
  void cancel(std::uint64_t id);
  // Sends a signal to the program of a cell: to its first process, and to no other. Before the
  // program's start it waits for that; after its end it goes nowhere. Fault::invalid when it is
  // none of cell::kSendableSignals (cell/signals.h).
  base::Status signal(std::uint64_t id, int number);

 private:
  Client(kernel::EventLoop& loop, base::Fd socket, kernel::Child keeper)
      : loop_(loop), socket_(std::move(socket)), keeper_(std::move(keeper)) {}
  static base::Result<std::unique_ptr<Client>> take_up(std::unique_ptr<Client> client,
                                                       int interrupt);
  base::Status greet(int interrupt);
  void call_off();
  void on_frame();
  void lose(const base::Error& error);

  kernel::EventLoop& loop_;
  base::Fd socket_;
  kernel::Child keeper_;
  Abilities abilities_;
  kernel::Timer lost_timer_;
  std::function<void()> on_lost_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, Callbacks> waiting_;
};

}  // namespace retort::keeper
