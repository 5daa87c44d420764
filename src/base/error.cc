// Error: the one place where errno meets text.
#include "base/error.h"

#include <cstring>

namespace retort::base {
namespace {

Fault fault_of(int number) {
  switch (number) {
    case EACCES:
    case EPERM:
    case EROFS:
      return Fault::denied;
    case ENOENT:
    case ESRCH:
      return Fault::not_found;
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case ENODEV:
      return Fault::unsupported;
    case ENOSPC:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case EDQUOT:
      return Fault::exhausted;
    case EBUSY:
      return Fault::busy;
    case EPIPE:
    case ECONNRESET:
      return Fault::gone;
    default:
      return Fault::internal;
  }
}

}  // namespace

Error Error::within(std::string_view context) const {
  return Error{fault, std::string(context) + ": " + what, os_errno};
}

std::string errno_name(int number) {
  const char* name = ::strerrorname_np(number);
  return name != nullptr ? name : "errno " + std::to_string(number);
}

Error os_error(std::string_view operation, std::string_view object, int number) {
  std::string what(operation);
  if (!object.empty()) what.append(" ").append(object);
  const char* text = ::strerrordesc_np(number);
  what.append(": ").append(text != nullptr ? text : "unknown error");
  what.append(" (").append(errno_name(number)).append(")");
  return Error{fault_of(number), std::move(what), number};
}

}  // namespace retort::base
