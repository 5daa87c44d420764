// Config options: how commands that need the server's settings are told where they are.
#pragma once

#include <string>
#include <vector>

#include "api/settings.h"

namespace retort::cli {

struct ConfigOptions {
  std::string file;               // --config
  std::vector<std::string> sets;  // --set KEY=VALUE
  bool json = false;
};

// The settings from every source, fitted to this machine.
base::Result<api::Settings> settings_of(const ConfigOptions& options);

int config_show(const ConfigOptions& options);
int config_check(const ConfigOptions& options);
int config_example();
int config_reference();

}  // namespace retort::cli
