// Settings page: what is made from the table of keys for people to read.
#pragma once

#include <string>

#include "api/settings.h"

namespace retort::api {

// The part of docs/reference/configuration.md that lists the keys, in Markdown.
std::string settings_reference();

// A file with every key commented out at its default, and its table's header: deploy/retort.toml.
std::string settings_example();

// One line a key, for --help.
std::string settings_help();

// Every key with its value and source: lines of TOML with the source as a comment, which is a
// settings file again; or an array of {"key", "value", "source"} in JSON.
std::string settings_text(const Settings& settings);
std::string settings_json(const Settings& settings);

}  // namespace retort::api
