// Error: one line that a person can act on.
#include "base/error.h"

#include <gtest/gtest.h>

namespace retort::base {
namespace {

TEST(OsError, NamesCallObjectAndErrno) {
  const Error error = os_error("open", "/run/retort", EACCES);
  EXPECT_EQ(error.what, "open /run/retort: Permission denied (EACCES)");
  EXPECT_EQ(error.fault, Fault::denied);
  EXPECT_EQ(error.os_errno, EACCES);
}

TEST(OsError, SortsErrnoIntoFaults) {
  EXPECT_EQ(os_error("x", "", ENOSPC).fault, Fault::exhausted);
  EXPECT_EQ(os_error("x", "", ENOSYS).fault, Fault::unsupported);
  EXPECT_EQ(os_error("x", "", ENOENT).fault, Fault::not_found);
  EXPECT_EQ(os_error("x", "", EPIPE).fault, Fault::gone);
  EXPECT_EQ(os_error("x", "", 4711).what, "x: unknown error (errno 4711)");
}

Result<int> half(int number) {
  if (number % 2 != 0) return Error{Fault::invalid, "odd", 0};
  return number / 2;
}

Result<int> quarter(int number) {
  RETORT_TRY(const int once, half(number));
  return half(once);
}

TEST(Try, GivesTheValueOrReturnsTheError) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().what, "odd");
  EXPECT_EQ(quarter(6).error().within("quarter").what, "quarter: odd");
}

}  // namespace
}  // namespace retort::base
