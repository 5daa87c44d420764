// Serve options: what `retort serve` is told on the command line, beside its settings.
#pragma once

#include <string>
#include <vector>

#include "cli/config.h"

namespace retort::cli {

struct ServeOptions {
  ConfigOptions config;
  std::vector<std::string> listen;            // --listen
  std::vector<std::string> allow_unenforced;  // --allow-unenforced
};

int serve(const ServeOptions& options);

}  // namespace retort::cli
