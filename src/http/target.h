// Target: what a request names, from the request line (RFC 9112, 3.2) to a decoded path and query.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace retort::http {

struct Target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
};

// Origin form, or absolute form with `host` as its authority. Fault::invalid, in words for the
// client, when it is another form, when an escape is broken or hides a control character or a '/',
// when a segment is "." or "..", and when what is decoded is not UTF-8: two readers could then
// differ about what is named.
base::Result<Target> parse_target(std::string_view target, std::string_view host);

// A host with an optional port, as Host has it (RFC 9110, 7.2): not empty, no user, no spaces.
bool is_host(std::string_view text);

}  // namespace retort::http
