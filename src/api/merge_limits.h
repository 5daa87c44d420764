// Merging limits: what one stage of a job gets, from the bounds of everybody who has a say, the
// defaults, and what the request asks for. Pure.
//
// The layers, widest first: built-in ceilings, the server's bounds, the key's bounds; a value must
// be within every one of them, so a layer can only narrow those before it. Then the defaults (the
// built-in ones, the operator's, the manifest's, the operator's for this runtime), then the
// request.
//
// A request is never clamped: each of its values outside a bound is a fault. A default is: where it
// is outside a bound of the server or the key it is moved to that bound, so that a narrow key can
// run every runtime. A stack that nobody sets follows the memory that comes out, within its bounds.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "api/limit_values.h"
#include "cell/limits.h"

namespace retort::api {

struct LimitBounds {
  LimitValues smallest;
  LimitValues largest;
};

struct OwnedBounds {
  std::string owner;  // as in "this server allows at most 10000000": "this server", "this key"
  LimitBounds bounds;
};

struct LimitFault {
  std::string name;  // the limit's JSON name, or the unknown name that was given
  std::string what;  // "cpu_time_us is 20000000; this server allows at most 10000000"
};
using LimitFaults = std::vector<LimitFault>;

struct LimitLayers {
  std::vector<OwnedBounds> bounds;  // widest first; the built-in ones need not be named
  cell::Limits defaults;
};

// What the stage runs under, or every fault of the request, one a limit, in the order of
// cell::Limit; the tightest bound is the one that is named.
std::expected<cell::Limits, LimitFaults> merge_limits(const LimitLayers& layers,
                                                      const LimitValues& request);

}  // namespace retort::api
