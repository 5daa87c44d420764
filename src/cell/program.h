// Program: the last steps of the process that becomes the stranger's program.
#pragma once

#include "base/fd.h"
#include "cell/spec.h"

namespace retort::cell {

// What the process tells retort-init through its report pipe, in one atomic write: ready, or the
// step that failed. The pipe closes by itself when the program is executed.
struct Report {
  Step step = Step::none;  // Step::ready, or where it failed
  std::uint16_t index = 0;
  std::int32_t error_number = 0;
};
static_assert(sizeof(Report) == 8);

// What retort-init holds for the program's last steps.
struct Inherited {
  const base::Fd& bundle;
  const base::Fd& queues;  // the file system of the cell's POSIX message queues, mounted nowhere
};

// In the fork of retort-init, in the finished cell: takes the program's id, writes the files of the
// bundle, gives up everything else, reports, waits for one byte from `start`, and executes. Never
// returns: what is not wholly built does not run.
[[noreturn]] void become_program(const InitSpec& spec,
                                 const Inherited& inherited,
                                 const base::Fd& start,
                                 const base::Fd& report);

}  // namespace retort::cell
