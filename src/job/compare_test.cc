// Comparisons: what judges accept, and where they say that outputs differ.
#include "job/compare.h"

#include <limits>

#include <gtest/gtest.h>

namespace retort::job {
namespace {

TEST(CompareExact, EveryByteCounts) {
  EXPECT_FALSE(compare_exact("", ""));
  EXPECT_FALSE(compare_exact("a\nb\n", "a\nb\n"));
  EXPECT_EQ(compare_exact("a\nb", "a\nb\n"), "the output ends after byte 3");
  EXPECT_EQ(compare_exact("a\nb\n", "a\nb"), "the output goes on after byte 3");
  EXPECT_EQ(compare_exact("a\nc\n", "a\nb\n"), "byte 3 differs, in line 2");
  EXPECT_TRUE(compare_exact(std::string_view("a\0b", 3), "a"));
}

TEST(CompareTokens, WhiteSpaceDoesNotCountButWordsDo) {
  EXPECT_FALSE(compare_tokens("1 2\n3", " 1\t2 \r\n\n3\n"));
  EXPECT_FALSE(compare_tokens(" \n", ""));
  EXPECT_EQ(compare_tokens("1 2", "1 2 3"), "the output ends after 2 words");
  EXPECT_EQ(compare_tokens("1 2 3", "1 2"), "the output goes on after word 2, with '3'");
  EXPECT_EQ(compare_tokens("1 2", "1 3"), "word 2 is '2', expected '3'");
  EXPECT_TRUE(compare_tokens("12", "1 2"));
  // A NUL is no white space: nothing hides behind one.
  EXPECT_TRUE(compare_tokens(std::string_view("1\0", 2), "1"));
}

TEST(CompareFloats, NumbersMayDifferByTheTolerance) {
  EXPECT_FALSE(compare_floats("0.3333333", "0.33333333", 1e-6));
  EXPECT_FALSE(compare_floats("1000001", "1000000", 1e-6));  // relative
  EXPECT_TRUE(compare_floats("1000002", "1000000", 1e-6));
  EXPECT_FALSE(compare_floats("+1e3 -0", "1000 0", 1e-9));
  EXPECT_TRUE(compare_floats("0.34", "0.33", 1e-6));
  EXPECT_TRUE(compare_floats("yes", "no", 1));
}

TEST(CompareFloats, WhatIsNoNumberIsAWord) {
  for (const char* word : {"nan", "inf", "-inf", "0x10", "1e", "1.0.0", "--1", "", "1,0", "NaN"}) {
    EXPECT_TRUE(compare_floats(word, "1", std::numeric_limits<double>::max())) << word;
  }
  EXPECT_FALSE(compare_floats("nan", "nan", 1e-6));
  EXPECT_TRUE(compare_floats("1e999", "1", 1e-6));
}

}  // namespace
}  // namespace retort::job
