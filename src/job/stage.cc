// Stage: the client's half of a cell's life.
#include "job/stage.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/weaken.h"
#include "cell/bundle.h"
#include "kernel/files.h"

namespace retort::job {

using base::Error;
using base::Fd;

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

base::ByteSize kept_bytes(base::ByteSize limit) {
  return base::weakened("limit:output") ? base::ByteSize::of_bytes(limit.bytes() * 4) : limit;
}

}  // namespace

Stage::Stage(kernel::EventLoop& loop,
             keeper::Client& client,
             std::string name,
             const keeper::Order& order,
             const Fd& bundle,
             StageStreams streams,
             Done done)
    : loop_(loop),
      client_(client),
      name_(std::move(name)),
      order_(order),
      done_(std::move(done)),
      input_(loop,
             std::move(streams.stdin_text),
             streams.stdin_source,
             std::move(streams.stdin_ended)),
      output_(loop,
              streams.stdout_sink,
              kept_bytes(order_.limits.output),
              at_end_of(std::move(streams.stdout_ended)),
              [this] { on_flood(); }),
      errors_(loop,
              streams.stderr_sink,
              kept_bytes(order_.limits.output),
              at_end_of(std::move(streams.stderr_ended)),
              [this] { on_flood(); }) {
  id_ = client_.run(order_,
                    bundle,
                    {.started = [this](cell::Streams ends) { on_started(std::move(ends)); },
                     .ended =
                         [this](const cell::Facts& facts) {
                           facts_ = facts;
                           finish_when_complete();
                         },
                     .refused =
                         [this](const Error& error) {
                           input_.stop();
                           std::exchange(done_, nullptr)(error);
                         }});
}

std::function<void()> Stage::at_end_of(std::function<void()> tell) {
  return [this, tell = std::move(tell)] {
    if (tell) tell();
    --open_streams_;
    finish_when_complete();
  };
}

Stage::~Stage() {
  if (collecting_.is_open()) loop_.forget(collecting_.get());
}

void Stage::cancel() {
  cancelled_ = true;
  client_.cancel(id_);
  output_.abandon();
  errors_.abandon();
}

void Stage::on_started(cell::Streams streams) {
  open_streams_ = 2;
  if (streams.collected_read.is_open()) {
    ++open_streams_;
    collecting_ = std::move(streams.collected_read);
    if (auto memory = kernel::make_memory_file("collected")) collected_ = std::move(*memory);
    (void)loop_.watch(collecting_.get(), EPOLLIN, [this](auto) { on_collected(); });
  }
  output_.start(std::move(streams.stdout_read));
  errors_.start(std::move(streams.stderr_read));
  input_.start(std::move(streams.stdin_write));
}

void Stage::on_collected() {
  const ssize_t count =
      ::splice(collecting_.get(), nullptr, collected_.get(), nullptr, kMostAtOnce, 0);
  if (count > 0) collected_bytes_ += static_cast<std::uint64_t>(count);
  // The collector keeps to its bounds; that it does is not taken on trust.
  if (count > 0 && collected_bytes_ <= most_collected(order_)) return;
  if (count < 0 && errno == EINTR) return;
  loop_.forget(collecting_.get());
  collecting_.reset();
  (void)::lseek(collected_.get(), 0, SEEK_SET);
  --open_streams_;
  finish_when_complete();
}

void Stage::on_flood() {
  flooded_ = true;
  client_.cancel(id_);
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
  std::exchange(done_, nullptr)(std::move(result));  // may destroy this object
}

}  // namespace retort::job
