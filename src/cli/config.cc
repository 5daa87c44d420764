// retort config: what the server's settings are here, and where each value came from.
#include "cli/config.h"

#include <cstdio>

#include "api/settings_load.h"
#include "api/settings_page.h"
#include "cli/commands.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Result;

Result<api::Settings> settings_of(const ConfigOptions& options) {
  api::SettingSources sources = api::sources_of_process();
  sources.config = options.file;
  for (const std::string& set : options.sets) {
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos) {
      return Error{Fault::invalid, "--set: '" + set + "' is not KEY=VALUE, as in queue.slots=2", 0};
    }
    sources.flags.push_back(
        {.key = set.substr(0, equals), .value = set.substr(equals + 1), .flag = "--set"});
  }
  RETORT_TRY(auto settings, api::load_settings(sources));
  RETORT_TRY(const auto machine, api::measure_machine());
  RETORT_CHECK(api::fit_to_machine(settings, machine));
  return settings;
}

int config_show(const ConfigOptions& options) {
  const auto settings = settings_of(options);
  if (!settings) return complain(settings.error(), kUsage);
  const std::string text =
      options.json ? api::settings_json(*settings) + "\n" : api::settings_text(*settings);
  std::fputs(text.c_str(), stdout);
  return 0;
}

int config_check(const ConfigOptions& options) {
  const auto settings = settings_of(options);
  if (!settings) return complain(settings.error(), kUsage);
  std::printf("%s: sound\n",
              settings->file.empty() ? "no settings file; the defaults" : settings->file.c_str());
  return 0;
}

int config_example() {
  std::fputs(api::settings_example().c_str(), stdout);
  return 0;
}

int config_reference() {
  std::fputs(api::settings_reference().c_str(), stdout);
  return 0;
}

}  // namespace retort::cli
