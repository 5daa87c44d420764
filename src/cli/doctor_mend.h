// Mend: what a setting of this host is, and the one command that changes it, or why there is none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace retort::cli {

constexpr std::string_view kNoCommand = "no command: ";
std::string no_command(const std::string& reason);
// Another check of the report comes first.
std::string first_mend(const char* id);

bool is_root();
// `command` as this user has to type it.
std::string as_root(const std::string& command);
std::string install(const std::string& package);

// First line of a file of the kernel's; nothing where it is absent or not for us.
std::optional<std::string> line_of(const std::string& path);
bool is_read_only(const std::string& path);
std::string set_file(const std::string& path, const std::string& value);

// A switch is named as for sysctl(8).
std::string path_of_switch(const std::string& key);
std::optional<std::string> read_switch(const std::string& key);
// 0 for what is no number.
long number_of(const std::string& value);
std::string set_switch(const std::string& key, const std::string& value);

// For a probe that failed; `since` is the Linux that brought what it tried.
std::string mend_kernel(const base::Error& error, const std::string& since);
// For a call that was refused.
std::string mend_confinement();

std::string joined(const std::vector<std::string>& words, const char* between);

}  // namespace retort::cli
