// retort: the command line.
#include "cli/command_line.h"
#include "cli/commands.h"
#include "kernel/files.h"

int main(int argc, char** argv) {
  if (!retort::kernel::hold_standard_descriptors()) return retort::cli::kFailed;
  return retort::cli::run_command_line(argc, argv);
}
