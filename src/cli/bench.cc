// retort bench: what a cell costs here.
#include "cli/commands.h"

namespace retort::cli {

int bench(const BenchOptions&) { return kFailed; }

}  // namespace retort::cli
