// Tests of openapi.h: the description has the words, bounds and codes that the program has.
#include "api/openapi.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "api/faults.h"
#include "api/job_request.h"
#include "api/limit_values.h"
#include "api/problem.h"
#include "api/request_test_support.h"
#include "api/runtime_json.h"
#include "cell/verdict.h"
#include "job/report.h"
#include "text/json.h"

namespace retort::api {
namespace {

namespace json = text::json;

const json::object& document() {
  static const json::value kDocument = [] {
    auto value = text::parse_json(openapi_document());
    EXPECT_TRUE(value) << value.error().what;
    return *std::move(value);
  }();
  return kDocument.as_object();
}

const json::object& schema(std::string_view name) {
  return document().at("components").at("schemas").at(name).as_object();
}

std::vector<std::string> texts(const json::value& array) {
  std::vector<std::string> found;
  for (const json::value& element : array.as_array()) {
    found.emplace_back(std::string_view(element.as_string()));
  }
  return found;
}

TEST(OpenApi, StatusesAreThoseOfVerdicts) {
  std::vector<std::string> names;
  for (const std::string_view name : cell::outcome_names()) names.emplace_back(name);
  EXPECT_EQ(texts(schema("Status").at("enum")), names);
  names.emplace_back("skipped");
  EXPECT_EQ(texts(schema("TestStatus").at("enum")), names);
}

TEST(OpenApi, LimitsHaveTheirNamesAndBuiltInBounds) {
  const json::object& limits = schema("Limits").at("properties").as_object();
  EXPECT_EQ(limits.size(), cell::kLimitCount);
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    const json::object& limit = limits.at(info.json).as_object();
    EXPECT_EQ(std::string_view(limit.at("description").as_string()), info.meaning);
    if (info.limit == Limit::network) {
      EXPECT_EQ(texts(limit.at("enum")), (std::vector<std::string>{"none", "loopback"}));
      continue;
    }
    EXPECT_EQ(limit.at("minimum").to_number<std::uint64_t>(), smallest_of(info.limit)) << info.json;
    EXPECT_EQ(limit.at("maximum").to_number<std::uint64_t>(), largest_of(info.limit)) << info.json;
  }
}

TEST(OpenApi, CodesAreThoseOfTheTables) {
  std::vector<std::string> codes;
  for (const ProblemInfo& info : problem_infos()) codes.emplace_back(info.name);
  const json::value& members = schema("Problem").at("properties");
  EXPECT_EQ(texts(members.at("code").at("enum")), codes);
  std::vector<std::string> of_faults;
  for (const FaultCodeInfo& info : fault_codes()) of_faults.emplace_back(info.name);
  EXPECT_EQ(texts(members.at("errors").at("items").at("properties").at("code").at("enum")),
            of_faults);
}

TEST(OpenApi, BoundsOfARequestAreThoseOfTheReader) {
  const json::value& job = schema("JobRequest").at("properties");
  EXPECT_EQ(job.at("priority").at("minimum").to_number<std::int64_t>(), -kLargestPriority);
  EXPECT_EQ(job.at("priority").at("maximum").to_number<std::int64_t>(), kLargestPriority);
  EXPECT_EQ(job.at("output_kept_bytes").at("maximum").to_number<std::uint64_t>(), kLargestKept);
  EXPECT_EQ(job.at("args").at("items").at("maxLength").to_number<std::uint64_t>(), kLongestWord);
  const json::value& test = schema("TestRequest").at("properties");
  EXPECT_EQ(test.at("name").at("maxLength").to_number<std::uint64_t>(), kLongestTestName);
}

std::set<std::string> names_of(const json::object& object) {
  std::set<std::string> names;
  for (const auto& [name, value] : object) names.emplace(std::string_view(name));
  return names;
}

std::set<std::string> required(std::string_view name) {
  const std::vector<std::string> names = texts(schema(name).at("required"));
  return {names.begin(), names.end()};
}

std::set<std::string> described(std::string_view name) {
  return names_of(schema(name).at("properties").as_object());
}

TEST(OpenApi, ResultsHaveTheMembersThatAreDescribed) {
  job::JobResult result;
  result.has_tests = true;
  result.stages.emplace_back().name = "run";
  job::TestResult skipped;
  skipped.is_skipped = true;
  const json::object whole =
      job::to_json(result, "python", {{.name = "a", .size = 1, .refused = ""}});
  auto members = required("Result");
  members.insert("tests");
  EXPECT_EQ(names_of(whole), members);
  members.insert("id");
  EXPECT_EQ(described("Result"), members);
  EXPECT_EQ(names_of(whole.at("stages").at(0).as_object()), required("Stage"));
  EXPECT_EQ(names_of(job::to_json(skipped)), required("Test"));

  result.stages.back().stdout_text.bytes = "\xFF";
  result.stages.back().stderr_text.bytes = "\xFF";
  EXPECT_EQ(names_of(job::to_json(result.stages.back())), described("Stage"));
  skipped.run = std::move(result.stages.back());
  EXPECT_EQ(names_of(job::to_json(skipped)), described("Test"));
}

TEST(OpenApi, RuntimesHaveTheMembersThatAreDescribed) {
  const Kitchen kitchen;
  const auto snake = kitchen.offers.find("snake", "");
  ASSERT_TRUE(snake);
  EXPECT_EQ(names_of(runtime_json(**snake, kitchen.settings, nullptr)), required("Runtime"));
  EXPECT_EQ(required("Runtime"), described("Runtime"));
}

TEST(OpenApi, ProblemsHaveTheMembersThatAreDescribed) {
  Problem problem{.code = ProblemCode::queue_full, .detail = "it is full"};
  problem.instance = "/v1/jobs/1";
  problem.retry_after_s = 3;
  for (const char* const member : {"forecast_us", "largest_bytes", "largest_us"})
    problem.extra[member] = 1;
  const Path document;
  for (int i = 0; i < 101; ++i) problem.errors.add(document, FaultCode::conflict, "is wrong");
  EXPECT_EQ(names_of(to_json(problem)), described("Problem"));
  EXPECT_EQ(names_of(to_json({.code = ProblemCode::not_found, .detail = {}})), required("Problem"));
}

TEST(OpenApi, EveryOperationOfVersionOneIsDescribed) {
  std::set<std::string> operations;
  for (const auto& [path, item] : document().at("paths").as_object()) {
    for (const auto& [method, operation] : item.as_object()) {
      if (method == "parameters") continue;
      operations.insert(std::string(method) + " " + std::string(path));
      const json::object& described = operation.as_object();
      EXPECT_TRUE(described.contains("operationId") && described.contains("responses")) << path;
    }
  }
  EXPECT_EQ(operations,
            (std::set<std::string>{"post /v1/run",
                                   "post /v1/jobs",
                                   "get /v1/jobs",
                                   "get /v1/jobs/{id}",
                                   "delete /v1/jobs/{id}",
                                   "get /v1/jobs/{id}/events",
                                   "post /v1/batches",
                                   "get /v1/interactive",
                                   "get /v1/runtimes",
                                   "get /v1/runtimes/{id}",
                                   "put /v1/blobs/{sha256}",
                                   "get /v1/blobs/{sha256}",
                                   "head /v1/blobs/{sha256}",
                                   "delete /v1/blobs/{sha256}",
                                   "get /v1/keys",
                                   "post /v1/keys",
                                   "get /v1/keys/{id}",
                                   "delete /v1/keys/{id}",
                                   "get /v1/audit",
                                   "get /health",
                                   "get /metrics",
                                   "get /openapi.json"}));
}

}  // namespace
}  // namespace retort::api
