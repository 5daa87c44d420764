// Cell: one isolated place, from the request to the last dead process. The keeper's side of it.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "cell/facts.h"
#include "cell/limits.h"
#include "cell/spec.h"
#include "kernel/cgroup.h"
#include "kernel/event_loop.h"
#include "kernel/files.h"
#include "kernel/process.h"
#include "kernel/socket.h"
#include "kernel/terminal.h"

namespace retort::cell {

// A cell's ids as the keeper's own user namespace sees them. `single`: this process has no ids to
// give away, so everything in the cell runs under the keeper's own.
struct Ids {
  unsigned first = 0;  // first: retort-init; +1: the program; +2: nobody
  bool single = false;
};
constexpr unsigned kIdsPerCell = 4;

// What all cells of a keeper share.
struct Host {
  kernel::EventLoop& loop;
  kernel::Groups* groups;  // null: no control group, limits in `unenforced` are not kept
  const base::Fd& init;    // the executable retort-init
  unsigned processors;     // how many can run a cell's threads at one time
  bool makes_devices;      // each cell has device nodes of its own
  // Takes back what a cell had, its group included when it had one; every process in it is dead.
  const std::function<void(Ids, std::unique_ptr<kernel::Group>)>& give_back;
};

struct Request {
  Limits limits;
  std::uint32_t add_ons = 0;
  std::uint32_t unenforced = 0;  // bit per Limit
  bool collect = false;
  std::uint64_t collect_bytes = 0;
  std::uint64_t collect_entries = 0;
  std::optional<kernel::TerminalSize> terminal;
};

// The caller's ends: three pipes, or one terminal.
struct Streams {
  base::Fd stdin_write;
  base::Fd stdout_read;
  base::Fd stderr_read;
  base::Fd terminal;        // its master; the three above are not open then
  base::Fd collected_read;  // a bundle; open only when something is to be collected
};

class Cell {
 public:
  // `finished` is called once, from the loop, when no process or mount of the cell is left. What
  // the host lent it goes back when the cell is destroyed.
  using Finished = std::function<void(const Facts&)>;

  // Begins to make the cell and to run what the bundle says in it. `name` names its control group.
  // After an Error nothing of it is left, its ids are given back, and `finished` is not called.
  static base::Result<std::unique_ptr<Cell>> start(const Host& host,
                                                   std::string name,
                                                   Ids ids,
                                                   const Request& request,
                                                   base::Fd bundle,
                                                   Finished finished);
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;
  ~Cell();

  // For the caller to take.
  Streams& streams() { return streams_; }
  // Ends it, whatever it is doing. `finished` is called as usual.
  void cancel() { kill(Cause::cancelled); }
  // One of kSendableSignals (signals.h), to the program's first process. One that is sent before
  // the program's start waits for it; one after its end goes nowhere.
  void signal(int number);

 private:
  Cell(const Host& host,
       std::string name,
       Ids ids,
       const Request& request,
       base::Fd bundle,
       Finished finished);
  base::Status begin();
  base::Status make_streams();
  base::Status make_pipes();
  base::Status make_terminal();
  base::Status spawn_init();
  base::Status map_ids(pid_t child) const;
  [[noreturn]] void become_init(kernel::SocketPair& sockets, kernel::Pipe& mapped) const;

  void on_word();
  void take(const InitWord& word);
  void on_ready(std::vector<base::Fd> descriptors);
  void on_wall_timer();
  void on_cpu_timer();
  void on_init_gone();
  void arm_cpu_timer(base::Duration used);
  void kill(Cause cause);

  void read_figures();
  void look_at_disk();
  void inspect();
  void collect();
  base::Status spawn_reader(std::vector<std::string> words, void (Cell::*gone)(const siginfo_t&));
  [[noreturn]] void become_reader(std::vector<std::string>& words) const;
  void on_measured(const siginfo_t& ended);
  void on_collected(const siginfo_t& ended);
  void finish();

  Host host_;
  std::string name_;
  Ids ids_;
  Request request_;
  base::Fd bundle_;
  Finished finished_;
  Streams streams_;
  std::array<base::Fd, 3> program_ends_;
  base::Fd terminals_;  // what is to be /dev/pts
  base::Fd collect_end_;

  std::unique_ptr<kernel::Group> group_;
  base::Fd socket_;
  kernel::Child init_;
  base::Fd program_;      // a pidfd
  kernel::Child reader_;  // of what the program left: one process after the other
  base::Fd scratch_;
  kernel::Timer wall_timer_;
  kernel::Timer cpu_timer_;
  kernel::Timer reader_timer_;

  bool running_ = false;  // the program was told to start
  bool heard_end_ = false;
  std::uint64_t early_signals_ = 0;  // bit per number: sent before the start
  base::Duration requested_at_;
  base::Duration started_at_{};
  base::Duration ended_at_{};
  base::Duration inspected_at_{};
  bool may_collect_ = false;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t cpu_before_ns_ = 0;
  std::uint64_t cpu_user_before_ns_ = 0;
  InitWord last_word_;
  Facts facts_;
};

}  // namespace retort::cell
