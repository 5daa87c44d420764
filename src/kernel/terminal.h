// Terminal: a pseudo-terminal in a devpts instance that holds no other (pty(7), devpts).
#pragma once

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/fd.h"

namespace retort::kernel {

using base::Fd;
using base::Result;
using base::Status;

struct TerminalSize {
  static constexpr unsigned kMost = 4096;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  [[nodiscard]] constexpr bool is_valid() const {
    return rows >= 1 && rows <= kMost && columns >= 1 && columns <= kMost;
  }
};

struct Terminal {
  Fd master;   // of whoever talks to the program
  Fd program;  // the program's 0, 1 and 2; nobody's controlling terminal yet
  Fd folder;   // the devpts, attached nowhere, read-only: to be mounted at /dev/pts
};

// `owner` may open the terminal by its name; without one it is the caller. Nobody can make another
// in the same devpts: it takes one, and its ptmx lets nobody in.
Result<Terminal> make_terminal(std::optional<unsigned> owner);

// By either end. The kernel tells the processes in the foreground of a change (SIGWINCH).
Status set_terminal_size(const Fd& terminal, TerminalSize size);

// The calling process leads a session without one: this is its controlling terminal from here on.
Status control_terminal(int terminal);

}  // namespace retort::kernel
