// Loading settings: built-in defaults, then a file, then the environment, then the command line.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/settings.h"

namespace retort::api {

struct SettingFlag {
  std::string key;    // "server.listen"; of a list, each further one adds elements
  std::string value;  // as set_from_text takes it
  std::string flag;   // as the user wrote it: "--listen"; the source
};

struct SettingSources {
  std::string config;  // --config; empty: default_config_file
  std::map<std::string, std::string> environment;
  std::vector<SettingFlag> flags;
  bool is_root = false;
};

// The environment and user of this process.
SettingSources sources_of_process();

// For root /etc/retort/retort.toml; for others $XDG_CONFIG_HOME/retort/retort.toml (XDG Base
// Directory Specification; ~/.config when unset), else /etc/retort/retort.toml. Empty when there is
// none.
std::string default_config_file(const SettingSources& sources);
// For root /var/lib/retort; for others $XDG_STATE_HOME/retort, ~/.local/state/retort when unset.
std::string default_state(const SettingSources& sources);

// Every fault of every source and every contradiction at once (Fault::invalid), one a line. What
// looks like a variable of ours (RETORT_QUEUE_LENGHT) and is none is a fault; [runtimes.ID] has no
// variables.
Result<Settings> load_settings(const SettingSources& sources);
// The same with a file's text in memory, for tests and checks.
Result<Settings> parse_settings(std::string_view toml,
                                const std::string& name,
                                const SettingSources& sources);

}  // namespace retort::api
