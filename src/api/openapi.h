// OpenAPI: the description of version 1, as GET /openapi.json serves it.
#pragma once

#include <string_view>

namespace retort::api {

// JSON, an OpenAPI 3.1 document: src/api/openapi.json as it was when this was built.
std::string_view openapi_document();

}  // namespace retort::api
