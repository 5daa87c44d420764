// Command line: from argv to a command's options; help, and what is wrong with a command line.
#pragma once

namespace retort::cli {

// The whole of main(): parses, runs the command, returns its exit code.
int run_command_line(int argc, char** argv);

}  // namespace retort::cli
