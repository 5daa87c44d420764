// Routes: what the service's handlers answer to.
#pragma once

#include <cstdint>
#include <string_view>

#include "api/service.h"

namespace retort::api {

struct Service::Route {
  std::string_view method;
  std::string_view pattern;
  std::string_view operation;  // for metrics and logs
  std::uint32_t scope = 0;     // that the caller needs; 0: anybody may
  async::Task<> (Service::*handler)(Call&) = nullptr;
};

}  // namespace retort::api
