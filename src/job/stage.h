// Stage: one command, run in one cell, to its result.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "cell/facts.h"
#include "cell/limits.h"
#include "cell/verdict.h"
#include "job/pump.h"
#include "keeper/client.h"
#include "kernel/event_loop.h"
#include "kernel/terminal.h"

namespace retort::job {

// Where a stage's streams come from and go to.
struct StageStreams {
  std::string stdin_text;
  int stdin_source = -1;  // after the text; -1: none
  int stdout_sink = -1;   // -1: captured
  int stderr_sink = -1;
  // Called once each, when the descriptor above is needed no more: whoever waits at the other end
  // of a pipe wants to see it closed.
  std::function<void()> stdin_ended = nullptr;
  std::function<void()> stdout_ended = nullptr;
  std::function<void()> stderr_ended = nullptr;
  // Called once each: the program runs; every process of it is dead, and no more is written, though
  // what it wrote may still be on its way. Neither for a stage that does not take place.
  std::function<void()> started = nullptr;
  std::function<void()> over = nullptr;
  // All three are one terminal (pty(7)): what the program writes and what the terminal echoes comes
  // as stdout, with "\r\n" at the ends of lines, and stderr is empty. A line of more than 4095
  // bytes is cut by the kernel while the program reads lines; the end of the input is Ctrl-D. When
  // the sink is gone the terminal hangs up (SIGHUP). A program that closes it for good and opens it
  // again finds nobody who reads.
  std::optional<kernel::TerminalSize> terminal = {};
};

struct StageResult {
  std::string name;
  cell::Verdict verdict;
  bool is_cached = false;  // it took place once, for another job; its figures are of then
  cell::Facts facts;
  cell::Limits limits;
  OutputPump::Text stdout_text;
  OutputPump::Text stderr_text;
  int stdout_error = 0;  // errno of a sink that could not be written to
  int stderr_error = 0;
  base::Fd
      collected;  // a bundle in a memory file, at its start; open only when something was asked for
};

class Aside;
class CompileCache;

// What jobs are made with; all of it outlives them.
struct Means {
  kernel::EventLoop& loop;
  keeper::Client& keeper;
  CompileCache* cache = nullptr;  // null: everything is compiled
  Aside* aside = nullptr;         // null: copies are made at once
  // Called when a cell has been made; what it returns goes when that cell has ended.
  std::function<std::shared_ptr<const void>()> on_cell = {};
  // Told of what each cell has used when it has ended, also where its stage's result is lost.
  std::function<void(base::Duration cpu_time)> on_cpu_time = {};
};

class Stage {
 public:
  using Done = std::function<void(base::Result<StageResult>)>;

  // Starts at once; `done` is called once, from the loop, when the cell is gone and every byte has
  // been taken. An Error means that the stage did not take place.
  Stage(const Means& means,
        std::string name,
        const keeper::Order& order,
        const base::Fd& bundle,
        StageStreams streams,
        Done done);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage();

  // Ends the cell, and waits for no reader any more.
  void cancel();
  // Sends the program a signal: see keeper::Client::signal.
  base::Status signal(int number) { return means_.keeper.signal(id_, number); }
  // Of the terminal; its processes in the foreground are told (SIGWINCH). Fault::invalid when the
  // stage has none, or no terminal can be of that size. After the end it does nothing.
  base::Status resize(kernel::TerminalSize size);

 private:
  std::function<void()> at_end_of(std::function<void()> tell);
  void on_started(cell::Streams streams);
  void on_collected();
  void on_flood();
  void on_output_end();
  base::Status start_terminal(base::Fd master);
  void finish_when_complete();

  Means means_;
  std::string name_;
  keeper::Order order_;
  Done done_;
  std::function<void()> tell_started_;
  std::function<void()> tell_over_;
  InputPump input_;
  OutputPump output_;
  OutputPump errors_;
  base::Fd terminal_;
  base::Fd collecting_;
  base::Fd collected_;
  std::uint64_t collected_bytes_ = 0;
  std::shared_ptr<const void> standing_;  // while there is a cell
  std::optional<cell::Facts> facts_;
  int open_streams_ = 0;
  bool flooded_ = false;
  bool cancelled_ = false;
  std::uint64_t id_ = 0;
};

}  // namespace retort::job
