// Stage: the client's half of a cell's life.
#include "job/stage.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/weaken.h"
#include "cell/bundle.h"
#include "kernel/files.h"

namespace retort::job {

using base::Error;
using base::Fault;
using base::Fd;
using base::Status;

namespace {

constexpr std::size_t kMostAtOnce = 1U << 20U;

// All the bytes that may be collected, with a header and the longest name for each entry, and as
// much for what is refused.
std::uint64_t most_collected(const keeper::Order& order) {
  constexpr std::uint64_t kMostRefused = 1000;
  constexpr std::uint64_t kRecord =
      sizeof(cell::RecordHeader) + std::uint64_t{2} * cell::kLongestName;
  return order.collect_bytes + (order.collect_entries + kMostRefused) * kRecord;
}

base::Duration cpu_time_of(const cell::Facts& facts) {
  return base::Duration(static_cast<base::Duration::rep>(facts.cpu_us));
}

base::ByteSize kept_bytes(base::ByteSize limit) {
  return base::weakened("limit:output") ? base::ByteSize::of_bytes(limit.bytes() * 4) : limit;
}

}  // namespace

Stage::Stage(const Means& means,
             std::string name,
             const keeper::Order& order,
             const Fd& bundle,
             StageStreams streams,
             Done done)
    : means_(means),
      name_(std::move(name)),
      order_(order),
      done_(std::move(done)),
      tell_started_(std::move(streams.started)),
      tell_over_(std::move(streams.over)),
      input_(means_.loop,
             std::move(streams.stdin_text),
             streams.stdin_source,
             streams.terminal ? InputPump::Kind::terminal : InputPump::Kind::pipe,
             std::move(streams.stdin_ended)),
      output_(means_.loop,
              streams.stdout_sink,
              kept_bytes(order_.limits.output),
              at_end_of(std::move(streams.stdout_ended)),
              [this] { on_flood(); }),
      errors_(means_.loop,
              streams.stderr_sink,
              kept_bytes(order_.limits.output),
              at_end_of(std::move(streams.stderr_ended)),
              [this] { on_flood(); }) {
  order_.terminal = streams.terminal;
  id_ = means_.keeper.run(order_,
                          bundle,
                          {.started = [this](cell::Streams ends) { on_started(std::move(ends)); },
                           .ended =
                               [this](const cell::Facts& facts) {
                                 standing_.reset();
                                 facts_ = facts;
                                 if (means_.on_cpu_time) means_.on_cpu_time(cpu_time_of(facts));
                                 if (tell_over_) tell_over_();
                                 finish_when_complete();
                               },
                           .refused =
                               [this](const Error& error) {
                                 standing_.reset();  // a dead keeper's cells are dead
                                 input_.stop();
                                 std::exchange(done_, nullptr)(error);
                               }});
}

std::function<void()> Stage::at_end_of(std::function<void()> tell) {
  return [this, tell = std::move(tell)] {
    if (tell) tell();
    on_output_end();
  };
}

Stage::~Stage() {
  if (collecting_.is_open()) means_.loop.forget(collecting_.get());
}

void Stage::cancel() {
  cancelled_ = true;
  means_.keeper.cancel(id_);
  output_.abandon();
  errors_.abandon();
}

void Stage::on_started(cell::Streams streams) {
  if (means_.on_cell) standing_ = means_.on_cell();
  if (tell_started_) tell_started_();
  open_streams_ = 2;
  if (streams.collected_read.is_open()) {
    ++open_streams_;
    collecting_ = std::move(streams.collected_read);
    if (auto memory = kernel::make_memory_file("collected")) collected_ = std::move(*memory);
    (void)means_.loop.watch(collecting_.get(), EPOLLIN, [this](auto) { on_collected(); });
  }
  if (order_.terminal) {
    // Without it nothing is read and nothing ends: the cell is of no use.
    if (!start_terminal(std::move(streams.terminal))) cancel();
    return;
  }
  output_.start(std::move(streams.stdout_read));
  errors_.start(std::move(streams.stderr_read));
  input_.start(std::move(streams.stdin_write));
}

// Of a terminal, one stream comes back. Each pump has a descriptor of its own.
Status Stage::start_terminal(Fd master) {
  open_streams_ -= 2;
  terminal_ = std::move(master);
  RETORT_CHECK(kernel::set_terminal_size(terminal_, *order_.terminal));
  std::array<Fd, 2> ends;
  for (Fd& end : ends) {
    end = Fd(::fcntl(terminal_.get(), F_DUPFD_CLOEXEC, 0));
    if (!end.is_open()) return base::os_error("fcntl", "the terminal");
  }
  ++open_streams_;
  output_.start(std::move(ends.at(0)));
  input_.start(std::move(ends.at(1)));
  return {};
}

Status Stage::resize(kernel::TerminalSize size) {
  if (!order_.terminal || !size.is_valid())
    return Error{Fault::invalid, "no terminal, or none of that size (1 to 4096)", 0};
  order_.terminal = size;  // for one that is still to come
  return terminal_.is_open() ? kernel::set_terminal_size(terminal_, size) : Status();
}

// A terminal whose reader is gone hangs up, as a pipe breaks. One that the program has closed does
// not: it may run on, as without its pipes.
void Stage::on_output_end() {
  if (order_.terminal && output_.sink_error() == EPIPE) {
    input_.stop();
    terminal_.reset();
  }
  --open_streams_;
  finish_when_complete();
}

void Stage::on_collected() {
  const ssize_t count =
      ::splice(collecting_.get(), nullptr, collected_.get(), nullptr, kMostAtOnce, 0);
  if (count > 0) collected_bytes_ += static_cast<std::uint64_t>(count);
  // The collector keeps to its bounds; that it does is not taken on trust.
  if (count > 0 && collected_bytes_ <= most_collected(order_)) return;
  if (count < 0 && errno == EINTR) return;
  means_.loop.forget(collecting_.get());
  collecting_.reset();
  (void)::lseek(collected_.get(), 0, SEEK_SET);
  --open_streams_;
  finish_when_complete();
}

void Stage::on_flood() {
  flooded_ = true;
  means_.keeper.cancel(id_);
}

void Stage::finish_when_complete() {
  if (!facts_ || open_streams_ > 0 || !done_) return;
  // The keeper knows only that we ended it.
  if (flooded_ && !cancelled_ && facts_->cause == cell::Cause::cancelled)
    facts_->cause = cell::Cause::output;
  input_.stop();
  StageResult result{
      .name = name_,
      .verdict = cell::judge(*facts_, order_.limits, output_.is_over() || errors_.is_over()),
      .facts = *facts_,
      .limits = order_.limits,
      .stdout_text = output_.take_text(),
      .stderr_text = errors_.take_text(),
      .stdout_error = output_.sink_error(),
      .stderr_error = errors_.sink_error(),
      .collected = std::move(collected_)};
  if (output_.is_lost() || errors_.is_lost()) {
    return std::exchange(
        done_, nullptr)(Error{Fault::exhausted, "no memory for what the program wrote", 0});
  }
  std::exchange(done_, nullptr)(std::move(result));  // may destroy this object
}

}  // namespace retort::job
