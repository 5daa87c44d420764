// OpenAPI: the file as bytes, see cmake/embed.cmake.
#include "api/openapi.h"

namespace retort::api {
namespace {

constexpr unsigned char kDocument[] = {
#include "api/openapi.inc"
};

}  // namespace

std::string_view openapi_document() {
  return {reinterpret_cast<const char*>(kDocument), sizeof(kDocument)};
}

}  // namespace retort::api
