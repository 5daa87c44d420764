// retort: the command line.
#include "cli/command_line.h"

int main(int argc, char** argv) {
  return retort::cli::run_command_line(argc, argv);
}
