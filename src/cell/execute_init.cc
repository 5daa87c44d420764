// Execute init: the keeper's environment stays with the keeper.
#include "cell/execute_init.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/weaken.h"

namespace retort::cell {
namespace {

// What a stranger may see of the keeper's environment: nothing, and in a weakened build what it is
// to leave out.
std::vector<std::string> environment() {
  if constexpr (base::kWeakenedBuild)
    return {"RETORT_WEAKEN=" + std::string(base::weakened_names())};
  return {};
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

void execute_init(int program, std::vector<std::string> words) {
  std::vector<std::string> variables = environment();
  ::execveat(program, "", pointers(words).data(), pointers(variables).data(), AT_EMPTY_PATH);
}

}  // namespace retort::cell
