// Remote: addresses of servers, requests from command lines, problems and results from answers.
#include <unistd.h>

#include <thread>

#include <gtest/gtest.h>

#include "cli/http_client.h"
#include "cli/outcome.h"
#include "cli/remote_input.h"
#include "cli/remote_request.h"
#include "cli/remote_result.h"
#include "cli/sources.h"
#include "kernel/files.h"
#include "text/digest.h"

namespace retort::cli {
namespace {

namespace json = text::json;

json::object parse(const std::string& text) {
  return text::parse_json(text).value().as_object();
}

TEST(ParseServer, TakesUrlsAndSocketsAndNoSecrets) {
  EXPECT_EQ(parse_server("http://box:8080/").value().url, "http://box:8080");
  EXPECT_EQ(parse_server("https://example.org/retort/").value().url, "https://example.org/retort");
  EXPECT_EQ(parse_server("unix:/run/retort.sock").value().unix_socket, "/run/retort.sock");
  for (const char* wrong : {"box:8080", "ftp://box", "unix:run", "", "http://", "http://a/?b=c"})
    EXPECT_EQ(parse_server(wrong).error().fault, base::Fault::invalid) << wrong;
  const auto secret = parse_server("https://me:hunter2@box");
  ASSERT_FALSE(secret);
  EXPECT_FALSE(secret.error().what.contains("hunter2"));
}

TEST(ParseServer, KnowsWhereAKeyWouldBeReadOnTheWay) {
  EXPECT_TRUE(parse_server("https://example.org").value().is_private);
  EXPECT_TRUE(parse_server("http://127.0.0.1:8080").value().is_private);
  EXPECT_TRUE(parse_server("unix:/x").value().is_private);
  EXPECT_FALSE(parse_server("http://example.org").value().is_private);
}

TEST(RemoteRequest, SaysWhatTheCommandLineSaysAndNoMore) {
  RunOptions options;
  options.language = "Py@3.11";
  options.files = {"a.py"};
  options.args = {"-v"};
  options.limits = {"cpu_time=2s", "memory=64MiB"};
  options.output_folder = "out";
  const auto request = make_remote_request(options,
                                           {{.name = "a.py", .content = "x = 1"},
                                            {.name = "raw", .content = "\xff", .executable = true}},
                                           nullptr);
  ASSERT_TRUE(request) << request.error().what;
  const auto expected = parse(R"({
    "runtime": "Py", "version": "3.11",
    "files": [{"name": "a.py", "content": "x = 1"},
              {"name": "raw", "content": "/w==", "encoding": "base64", "executable": true}],
    "args": ["-v"],
    "limits": {"run": {"cpu_time_us": 2000000, "memory_bytes": 67108864}},
    "collect": ["."]})");
  EXPECT_EQ(*request, expected);
}

TEST(RemoteRequest, FindsTheLanguageByAnExtensionOfTheServers) {
  const auto runtimes = parse(
      R"({"runtimes": [{"id": "zed", "name": "Zed", "aliases": [], "extensions": ["z"], "main": "m.z"}]})");
  RunOptions options;
  options.files = {"x.z"};
  EXPECT_EQ(make_remote_request(options, {{.name = "x.z", .content = ""}}, &runtimes)
                .value()
                .at("runtime"),
            "zed");
  const auto none = make_remote_request(options, {{.name = "x.q", .content = ""}}, &runtimes);
  EXPECT_EQ(none.error().what,
            "'x.q' tells no language: no runtime of the server has the extension 'q'; name the "
            "language");
}

TEST(RemoteRequest, TellsEveryWrongLimitWithItsOption) {
  RunOptions options;
  options.language = "c";
  options.files = {"a.c"};
  options.limits = {"cpu_time=0s", "memroy=1MiB"};
  const auto request = make_remote_request(options, {{.name = "a.c", .content = ""}}, nullptr);
  ASSERT_FALSE(request);
  EXPECT_TRUE(request.error().what.contains("--limit cpu_time"));
  EXPECT_TRUE(request.error().what.contains("memroy"));
}

HttpAnswer problem(long status, std::string body) {
  return {.status = status,
          .content_type = "application/problem+json",
          .body = std::move(body),
          .location = {}};
}

TEST(ReadAnswer, TellsAProblemInOneLineWithEachFaultAtItsPlace) {
  const auto full = read_answer(
      problem(429, R"({"code": "queue_full", "detail": "too\nmany", "retry_after_s": 3})"), "");
  EXPECT_EQ(full.error().what, "queue_full: too\\x0amany; try again in 3 s");
  EXPECT_EQ(exit_code_before(full.error()), kFailed);
  const auto wrong = read_answer(problem(400,
                                         R"({"code": "invalid_request", "detail": "x", "errors": [
      {"pointer": "/a", "detail": "one"}, {"pointer": "/b/0", "detail": "two"}],
      "errors_omitted": 4})"),
                                 "");
  EXPECT_EQ(wrong.error().what, "invalid_request: /a: one; /b/0: two; and 4 more");
  EXPECT_EQ(exit_code_before(wrong.error()), kUsage);
}

TEST(ReadAnswer, TellsOfWhatIsNoServerOfRetorts) {
  const HttpAnswer page{
      .status = 502, .content_type = "text/html", .body = "<html>", .location = {}};
  EXPECT_TRUE(read_answer(page, "http://box").error().what.contains("http://box answered"));
  const HttpAnswer moved{.status = 301, .content_type = "", .body = "", .location = "https://box/"};
  EXPECT_TRUE(read_answer(moved, "http://box").error().what.contains("https://box/"));
}

TEST(ReadResult, HasWhatAUserIsToldAndTheFilesBytes) {
  const auto result = read_result(parse(R"({"status": "signaled", "message": "SIGSEGV",
    "stages": [{"name": "run", "status": "signaled", "message": "SIGSEGV", "exit_code": null,
                "signal": 11, "stdout": "/w==", "stdout_encoding": "base64", "stderr": "e"}],
    "files": [{"name": "a/b.txt", "size_bytes": 2, "content": "hi"},
              {"name": "../up", "size_bytes": 1, "content": "x"},
              {"name": "no", "refused": "a link"}]})"));
  ASSERT_TRUE(result) << result.error().what;
  EXPECT_EQ(result->stages.back().stdout_text.bytes, "\xff");
  EXPECT_EQ(exit_code_of(*result, 0), kSignalBase + 11);

  std::string folder = testing::TempDir() + "remoteXXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const auto opened = open_output_folder(folder);
  const auto files = job::write_output_files(result->files, *opened);
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(kernel::read_small_file(AT_FDCWD, folder + "/a/b.txt").value(), "hi");
  EXPECT_FALSE(files[1].refused.empty());
  EXPECT_EQ(files[2].refused, "a link");
}

TEST(ReadResult, RefusesWhatIsNone) {
  for (const char* text : {"{}",
                           R"({"status": "ok", "stages": []})",
                           R"({"status": "new", "stages": [{"status": "ok"}]})",
                           R"({"status": "ok", "stages": [{"status": "new"}]})"})
    EXPECT_FALSE(read_result(parse(text))) << text;
}

RemoteInput read_file(const std::string& text) {
  auto file = kernel::make_memory_file("input");
  EXPECT_TRUE(kernel::write_all(*file, text));
  EXPECT_EQ(::lseek(file->get(), 0, SEEK_SET), 0);
  return read_remote_input(*std::move(file), -1).value();
}

TEST(RemoteInput, SendsWhatIsShortAsItIsAndTheRestByItsDigest) {
  EXPECT_EQ(read_file("").text, "");
  EXPECT_EQ(read_file("short").text, "short");
  EXPECT_FALSE(read_file("short").file);
  const std::string large(3U << 20U, 'x');
  const RemoteInput input = read_file(large);
  ASSERT_TRUE(input.file);
  EXPECT_EQ(input.text, "");
  EXPECT_EQ(input.file->size, large.size());
  EXPECT_EQ(input.file->sha256, text::sha256_hex(large));
}

TEST(RemoteInput, CopiesWhatCannotBeReadTwice) {
  auto pipe = kernel::make_pipe();
  const std::string large(1U << 20U, 'y');
  std::thread writer([&] {
    EXPECT_TRUE(kernel::write_all(pipe->write_end, large));
    pipe->write_end.reset();
  });
  const auto input = read_remote_input(std::move(pipe->read_end), -1);
  writer.join();
  ASSERT_TRUE(input && input->file);
  EXPECT_EQ(input->file->begin, 0U);
  EXPECT_EQ(input->file->size, large.size());
  EXPECT_EQ(input->file->sha256, text::sha256_hex(large));
}

TEST(RemoteInput, BeginsWhereAFileStands) {
  auto file = kernel::make_memory_file("input");
  const std::string large(1U << 20U, 'x');
  ASSERT_TRUE(kernel::write_all(*file, "skipped" + large));
  ASSERT_EQ(::lseek(file->get(), 7, SEEK_SET), 7);
  const auto input = read_remote_input(*std::move(file), -1);
  ASSERT_TRUE(input && input->file);
  EXPECT_EQ(input->file->begin, 7U);
  EXPECT_EQ(input->file->sha256, text::sha256_hex(large));
}

TEST(RemoteInput, EndsWhenASignalComes) {
  auto silent = kernel::make_pipe();
  const auto signal = kernel::make_pipe();
  ASSERT_TRUE(kernel::write_all(signal->write_end, "x"));
  const auto input = read_remote_input(std::move(silent->read_end), signal->read_end.get());
  EXPECT_EQ(input.error().fault, base::Fault::gone);
}

}  // namespace
}  // namespace retort::cli
