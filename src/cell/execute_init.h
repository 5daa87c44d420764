// Execute init: how a fork of the keeper becomes retort-init, or one of its readers.
#pragma once

#include <string>
#include <vector>

namespace retort::cell {

// execveat(2) on the open program, with these words and no environment. Returns when it could not
// be executed.
void execute_init(int program, std::vector<std::string> words);

}  // namespace retort::cell
