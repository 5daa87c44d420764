// Terminal: devpts as a file system of its own, and ioctl_tty(2).
#include "kernel/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <string>

#include "base/weaken.h"
#include "kernel/files.h"
#include "kernel/mounts.h"

namespace retort::kernel {

using base::os_error;

Result<Terminal> make_terminal(std::optional<unsigned> owner) {
  const bool is_one = !base::weakened("terminal:one");
  MountOptions options = {
      {"source", "devpts"}, {"mode", "0600"}, {"ptmxmode", is_one ? "0000" : "0666"}};
  if (is_one) options.emplace_back("max", "1");
  if (owner) {
    options.emplace_back("uid", std::to_string(*owner));
    options.emplace_back("gid", std::to_string(*owner));
  }
  Terminal made;
  RETORT_TRY(made.folder,
             make_filesystem("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  RETORT_TRY(made.master, open_at(made.folder.get(), "ptmx", O_RDWR | O_NOCTTY));
  const int unlocked = 0;
  if (::ioctl(made.master.get(), TIOCSPTLCK, &unlocked) != 0)
    return os_error("ioctl", "TIOCSPTLCK");
  made.program = Fd(::ioctl(made.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!made.program.is_open()) return os_error("ioctl", "TIOCGPTPEER");
  if (is_one) RETORT_CHECK(add_attributes(made.folder, MOUNT_ATTR_RDONLY));
  return made;
}

Status set_terminal_size(const Fd& terminal, TerminalSize size) {
  const winsize window{.ws_row = size.rows, .ws_col = size.columns, .ws_xpixel = 0, .ws_ypixel = 0};
  if (::ioctl(terminal.get(), TIOCSWINSZ, &window) != 0) return os_error("ioctl", "TIOCSWINSZ");
  return {};
}

Status control_terminal(int terminal) {
  if (::ioctl(terminal, TIOCSCTTY, 0) != 0) return os_error("ioctl", "TIOCSCTTY");
  return {};
}

}  // namespace retort::kernel
