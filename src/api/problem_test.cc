// Tests of problem.h and faults.h: documents are RFC 9457's, codes are one table and the reference
// is that table, pointers are RFC 6901's.
#include "api/problem.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace retort::api {
namespace {

std::string text_of(const Problem& problem) {
  return text::compact(to_json(problem));
}

Faults faults_of(const std::vector<FaultCode>& codes) {
  Faults faults;
  const Path document;
  for (const FaultCode code : codes) faults.add(document.at("a"), code, "is wrong");
  return faults;
}

TEST(Problem, EachCodeHasItsPlaceItsNameAndAStatusOfAnError) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < problem_infos().size(); ++i) {
    const ProblemInfo& info = problem_infos()[i];
    EXPECT_EQ(static_cast<std::size_t>(info.code), i) << info.name;
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_GE(info.status, 400U);
    EXPECT_LT(info.status, 600U);
    EXPECT_FALSE(info.title.empty() || info.meaning.empty()) << info.name;
  }
  for (std::size_t i = 0; i < fault_codes().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(fault_codes()[i].code), i) << fault_codes()[i].name;
  }
}

TEST(Problem, TheReferenceIsTheTable) {
  std::ifstream file(RETORT_SOURCE_DIR "/docs/reference/problems.md");
  std::vector<std::string> page;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `")) page.push_back(line);
  }
  std::vector<std::string> table;
  for (const ProblemInfo& info : problem_infos()) {
    std::ostringstream row;
    row << "| `" << info.name << "` | " << info.status << " | " << info.meaning << " |";
    table.push_back(row.str());
  }
  for (const FaultCodeInfo& info : fault_codes()) {
    std::ostringstream row;
    row << "| `" << info.name << "` | " << info.meaning << " |";
    table.push_back(row.str());
  }
  EXPECT_EQ(page, table);
}

TEST(Problem, HasWhatTheStandardAsksForAndNothingEmpty) {
  EXPECT_EQ(text_of({.code = ProblemCode::not_found, .detail = {}}),
            R"({"type":"/problems/not_found","title":"There is nothing here","status":404,)"
            R"("code":"not_found"})");
}

TEST(Problem, CarriesItsFaultsAndFurtherMembers) {
  Problem problem{.code = ProblemCode::queue_full, .detail = "it is full"};
  problem.instance = "/v1/jobs/1";
  problem.retry_after_s = 3;
  problem.extra["forecast_us"] = 2'500'000;
  problem.errors = faults_of({FaultCode::conflict});
  EXPECT_EQ(text_of(problem),
            R"({"type":"/problems/queue_full","title":"The queue is full","status":429,)"
            R"("code":"queue_full","detail":"it is full","instance":"/v1/jobs/1",)"
            R"("errors":[{"pointer":"/a","code":"conflict","detail":"is wrong"}],)"
            R"("retry_after_s":3,"forecast_us":2500000})");
  const http::Response response = to_response(problem);
  EXPECT_EQ(response.status, 429U);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(response.body, text_of(problem) + "\n");
  ASSERT_EQ(response.headers.size(), 1U);
  EXPECT_EQ(response.headers[0].name, "Retry-After");
  EXPECT_EQ(response.headers[0].value, "3");
}

TEST(Problem, FaultsOfOneKindSpeakForTheWhole) {
  using enum FaultCode;
  EXPECT_EQ(problem_of(faults_of({limit_out_of_bounds, limit_out_of_bounds})).code,
            ProblemCode::limit_out_of_bounds);
  EXPECT_EQ(problem_of(faults_of({unknown_runtime})).code, ProblemCode::unknown_runtime);
  EXPECT_EQ(problem_of(faults_of({runtime_unavailable})).code, ProblemCode::runtime_unavailable);
  EXPECT_EQ(problem_of(faults_of({archives_unavailable})).code, ProblemCode::archives_unavailable);
  EXPECT_EQ(problem_of(faults_of({limit_out_of_bounds, wrong_type})).code,
            ProblemCode::invalid_request);
  EXPECT_EQ(problem_of(faults_of({conflict})).code, ProblemCode::invalid_request);
}

TEST(Problem, TheDetailNamesTheFirstFaultAndHowManyMoreThereAre) {
  EXPECT_EQ(problem_of(faults_of({FaultCode::conflict})).detail, "/a: is wrong");
  EXPECT_EQ(problem_of(faults_of({FaultCode::conflict, FaultCode::conflict})).detail,
            "/a: is wrong; and 1 more, see errors");
}

TEST(Problem, OfManyFaultsAHundredAreToldAndTheOthersCounted) {
  const std::vector<FaultCode> codes(250, FaultCode::limit_out_of_bounds);
  const Problem problem = problem_of(faults_of(codes));
  const text::json::object document = to_json(problem);
  EXPECT_EQ(document.at("errors").as_array().size(), 100U);
  EXPECT_EQ(document.at("errors_omitted").to_number<int>(), 150);
  EXPECT_EQ(problem.code, ProblemCode::invalid_request) << "the others may be of another kind";
}

TEST(Problem, AFailureOfOursSaysNothingOfItself) {
  const base::Error error{base::Fault::internal, "open /var/lib/secret: EACCES", 13};
  const Problem problem = problem_of_json(error);
  EXPECT_EQ(problem.code, ProblemCode::internal_error);
  EXPECT_FALSE(text_of(problem).contains("/var"));
  EXPECT_EQ(text_of(problem), text_of(internal_problem()));
}

TEST(Problem, WhatIsNoJsonIsToldByItsPlace) {
  const auto value = text::parse_json("{\"a\":1,\"a\":2}");
  ASSERT_FALSE(value);
  const Problem problem = problem_of_json(value.error());
  EXPECT_EQ(problem.code, ProblemCode::invalid_json);
  EXPECT_TRUE(problem.detail.contains("line 1")) << problem.detail;
}

TEST(Path, IsAPointerOfTheStandard) {
  const Path document;
  EXPECT_EQ(document.pointer(), "");
  const Path files = document.at("files");
  const Path third = files.at(3);
  EXPECT_EQ(third.at("a/b~c").pointer(), "/files/3/a~1b~0c");
  EXPECT_EQ(document.at("").pointer(), "/");
}

TEST(Path, ALongNameIsCutBetweenItsCharacters) {
  const Path document;
  const std::string name = std::string(255, 'n') + "üüü";
  EXPECT_EQ(document.at(name).pointer(), "/" + std::string(255, 'n'));
}

TEST(Shown, AStrangersWordIsPrintableAndShort) {
  EXPECT_EQ(shown("a\x1B[2J"), "'a\\x1b[2J'");
  EXPECT_EQ(shown(std::string(1000, 'x')), "'" + std::string(64, 'x') + "'…");
}

}  // namespace
}  // namespace retort::api
