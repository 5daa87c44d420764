// Stage: the client's half of a cell's life.
#include "job/stage.h"

#include <unistd.h>

#include <array>
#include <span>

#include "kernel/files.h"

namespace retort::job {

using base::Error;
using base::Fd;
using base::Result;

Stage::Stage(kernel::EventLoop& loop,
             keeper::Client& client,
             std::string name,
             keeper::Order order,
             const Fd& bundle,
             StageStreams streams,
             Done done)
    : loop_(loop),
      client_(client),
      name_(std::move(name)),
      order_(std::move(order)),
      done_(std::move(done)),
      input_(loop, std::move(streams.stdin_text), streams.stdin_source),
      output_(loop,
              streams.stdout_sink,
              order_.limits.output,
              [this] { --open_streams_, finish_when_complete(); }),
      errors_(loop, streams.stderr_sink, order_.limits.output, [this] {
        --open_streams_, finish_when_complete();
      }) {
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

Stage::~Stage() {
  if (collecting_.is_open()) loop_.forget(collecting_.get());
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
  std::array<std::byte, 64 * 1024> buffer;
  const ssize_t count = ::read(collecting_.get(), buffer.data(), buffer.size());
  if (count < 0 && errno == EINTR) return;
  if (count > 0 &&
      kernel::write_all(collected_, std::span(buffer).first(static_cast<std::size_t>(count))))
    return;
  loop_.forget(collecting_.get());
  collecting_.reset();
  (void)::lseek(collected_.get(), 0, SEEK_SET);
  --open_streams_;
  finish_when_complete();
}

void Stage::finish_when_complete() {
  if (!facts_ || open_streams_ > 0 || !done_) return;
  input_.stop();
  StageResult result{
      .name = name_,
      .verdict = cell::judge(*facts_, order_.limits, output_.is_over() || errors_.is_over()),
      .facts = *facts_,
      .limits = order_.limits,
      .stdout_text = output_.take_text(),
      .stderr_text = errors_.take_text(),
      .collected = std::move(collected_)};
  std::exchange(done_, nullptr)(std::move(result));  // may destroy this object
}

}  // namespace retort::job
