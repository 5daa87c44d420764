// Pump: moves bytes between a program's pipes and whoever feeds or reads them, with back-pressure
// and in constant memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/units.h"
#include "kernel/event_loop.h"

namespace retort::job {

// Feeds a program's stdin: fixed text first, then whatever comes from a descriptor, then its end. A
// terminal stays open; its end of input is a character (VEOF, termios(3)), which a program that
// reads the terminal raw sees as it is.
class InputPump {
 public:
  // `source` is -1 for none; it stays the caller's, and is left as it was (no O_NONBLOCK on what
  // others share).
  // `at_end` is called once, when nothing more is read from `source`.
  enum class Kind : std::uint8_t { pipe, terminal };
  InputPump(kernel::EventLoop& loop,
            std::string text,
            int source,
            Kind kind = Kind::pipe,
            std::function<void()> at_end = nullptr);
  InputPump(const InputPump&) = delete;
  InputPump& operator=(const InputPump&) = delete;
  ~InputPump() { stop(); }

  void start(base::Fd program_stdin);
  // The program is gone, or wants no more: forgets both descriptors.
  void stop();

 private:
  void on_source();
  void on_program(std::uint32_t events);
  void fill();
  void drain();
  void await();

  kernel::EventLoop& loop_;
  // Read, of which the program has not yet taken what comes after the first `taken_` bytes. Moving
  // the rest forward each time would make much input take quadratic time.
  std::string waiting_;
  std::size_t taken_ = 0;
  int source_;
  std::function<void()> at_end_;
  bool ends_by_character_;
  bool within_line_ = false;          // the last byte that was taken was no line's end
  bool source_always_ready_ = false;  // a regular file: epoll does not take it
  bool source_watched_ = false;
  base::Fd program_;
};

// Takes what a program writes to one stream: at most `limit` bytes are kept or passed on, the rest
// is read and dropped, until that is a flood.
class OutputPump {
 public:
  struct Text {
    std::string bytes;             // what was kept: all, or the head and the tail
    std::uint64_t total = 0;       // what was written
    std::uint64_t head_bytes = 0;  // where the tail begins, when it is truncated
    [[nodiscard]] bool is_truncated() const { return total > bytes.size(); }
    // Keeps head and tail of what is longer than this.
    void shorten(std::uint64_t most);
  };

  // Captures head and tail when `sink` is -1; otherwise passes the first `limit` bytes on to that
  // descriptor as they come, waiting for it when it is slow. `at_end` is called once, when the
  // program's end is closed; `at_flood` once, when so much was dropped that the program is better
  // ended: more than four times the limit, and than 16 MiB; or when there is no memory for it.
  OutputPump(kernel::EventLoop& loop,
             int sink,
             base::ByteSize limit,
             std::function<void()> at_end,
             std::function<void()> at_flood = nullptr);
  OutputPump(const OutputPump&) = delete;
  OutputPump& operator=(const OutputPump&) = delete;
  ~OutputPump();

  void start(base::Fd program_output);
  [[nodiscard]] bool is_over() const { return total_ > limit_; }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  // errno of the first write to the sink that failed; 0: none did. After EPIPE the program's next
  // write fails alike; after any other the rest is dropped, since that is no fault of the
  // program's.
  [[nodiscard]] int sink_error() const { return sink_error_; }
  // There was no memory for what was to be kept: the text is not what the program wrote.
  [[nodiscard]] bool is_lost() const { return is_lost_; }
  // Nobody waits for the sink any more: what it has not taken is dropped.
  void abandon();
  Text take_text();

 private:
  void on_program();
  void on_sink();
  bool watch_sink();
  void watch_program();
  void keep(std::string_view bytes);
  void try_to_keep(std::string_view bytes);
  void finish();
  [[nodiscard]] bool is_flood() const;

  kernel::EventLoop& loop_;
  int sink_;
  std::uint64_t limit_;
  std::function<void()> at_end_;
  std::function<void()> at_flood_;
  base::Fd program_;
  std::uint64_t total_ = 0;
  int sink_error_ = 0;
  bool is_lost_ = false;
  bool sink_watched_ = false;
  bool sink_opened_ = false;
  base::Fd own_sink_;
  std::string waiting_;  // for a slow sink
  std::string head_;     // the first half of what may be kept
  std::string tail_;     // a ring of the last half
  std::size_t tail_next_ = 0;
};

}  // namespace retort::job
