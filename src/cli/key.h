// Key options: what `retort key` is told.
#pragma once

#include <string>
#include <vector>

#include "cli/config.h"

namespace retort::cli {

struct KeyOptions {
  ConfigOptions config;  // where the state is
  std::string id;        // of `revoke`
  std::string name;
  std::vector<std::string> scopes = {"run", "read"};
  std::string bounds;  // JSON, or the path of a file that holds it
  long long rate = 0;  // requests a minute; 0: the server's own bound
  long long parallel = 0;
  std::string expires;  // a duration from now; empty: never
  bool json = false;
};

int key_create(const KeyOptions& options);
int key_ls(const KeyOptions& options);
int key_revoke(const KeyOptions& options);

}  // namespace retort::cli
