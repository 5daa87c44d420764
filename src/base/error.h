// Error and Result: how every layer reports that something did not happen.
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace retort::base {

// What kind of failure it is: decides exit codes and, later, HTTP statuses.
enum class Fault {
  invalid,      // the caller's input is wrong
  not_found,    // a named thing does not exist
  denied,       // the operating system refuses us
  unsupported,  // this host lacks a feature that is needed
  exhausted,    // out of space, descriptors, ids, memory
  busy,         // somebody else holds it
  gone,         // the peer has left
  internal,     // a defect of ours, or an error with no better name
};

// One failure, as a line that a person can act on: what was attempted, on what, and why it failed.
struct Error {
  Fault fault = Fault::internal;
  std::string what;
  int os_errno = 0;

  // The same failure with words in front that say what it was part of: "compile stage: …".
  [[nodiscard]] Error within(std::string_view context) const;
};

// An Error from errno: "openat /run/retort: Permission denied (EACCES)". `number` defaults to the
// current errno.
Error os_error(std::string_view operation, std::string_view object, int number = errno);

// "EACCES" for EACCES; "errno 4711" for a number that has no name.
std::string errno_name(int number);

template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result(Error error)  // NOLINT(google-explicit-constructor): `return Error{…}` reads as it should
      : std::expected<T, Error>(std::unexpect, std::move(error)) {}
};

using Status = Result<void>;

}  // namespace retort::base

#define RETORT_CONCAT_(a, b) a##b
#define RETORT_CONCAT(a, b) RETORT_CONCAT_(a, b)

// RETORT_TRY(auto fd, open_it()): the value, or return the Error to our caller.
#define RETORT_TRY(declaration, expression) \
  RETORT_TRY_(declaration, expression, RETORT_CONCAT(result_, __LINE__))
#define RETORT_TRY_(declaration, expression, name)       \
  auto name = (expression);                              \
  if (!name.has_value()) return std::move(name).error(); \
  declaration = *std::move(name)

// RETORT_CHECK(do_it()): go on, or return the Error to our caller.
#define RETORT_CHECK(expression) \
  if (auto checked = (expression); !checked.has_value()) return std::move(checked).error()
