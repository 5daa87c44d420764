// Remote: addresses of servers, requests from command lines, problems and results from answers.
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "cli/http_client.h"
#include "cli/outcome.h"
#include "cli/remote_request.h"
#include "cli/remote_result.h"
#include "cli/remote_streams.h"
#include "cli/sources.h"
#include "job/report.h"
#include "kernel/files.h"

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

TEST(ParseServer, TakesAnUrlApart) {
  const auto server = parse_server("https://example.org:8443/retort/").value();
  EXPECT_EQ(server.host, "example.org:8443");
  EXPECT_EQ(server.path, "/retort");
  EXPECT_EQ(parse_server("http://[::1]").value().host, "[::1]");
  EXPECT_EQ(parse_server("http://box").value().path, "");
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
              {"name": "tool", "size_bytes": 2, "executable": true, "content": "#!"},
              {"name": "../up", "size_bytes": 1, "content": "x"},
              {"name": "no", "refused": "a link"}],
    "folders": [{"name": "empty/within"}]})"));
  ASSERT_TRUE(result) << result.error().what;
  EXPECT_EQ(result->stages.back().stdout_text.bytes, "\xff");
  EXPECT_EQ(exit_code_of(*result, 0), kSignalBase + 11);

  std::string folder = testing::TempDir() + "remoteXXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const auto opened = open_output_folder(folder);
  const auto files = job::write_output_files(result->files, *opened);
  ASSERT_EQ(files.size(), 5U);
  EXPECT_EQ(kernel::read_small_file(AT_FDCWD, folder + "/a/b.txt").value(), "hi");
  EXPECT_EQ(::access((folder + "/a/b.txt").c_str(), X_OK), -1);
  EXPECT_EQ(::access((folder + "/tool").c_str(), X_OK), 0);
  EXPECT_TRUE(is_folder(folder + "/empty/within"));
  EXPECT_FALSE(files[2].refused.empty());
  EXPECT_EQ(files[3].refused, "a link");
  json::object record;
  job::put_files(record, files);
  EXPECT_EQ(record.at("folders"), parse(R"({"x": [{"name": "empty/within"}]})").at("x"));
}

TEST(ReadResult, RefusesWhatIsNone) {
  for (const char* text : {"{}",
                           R"({"status": "ok", "stages": []})",
                           R"({"status": "new", "stages": [{"status": "ok"}]})",
                           R"({"status": "ok", "stages": [{"status": "new"}]})"})
    EXPECT_FALSE(read_result(parse(text))) << text;
}

// A loop that runs until `over`; what is to happen meanwhile is watched in it.
void run_until(kernel::EventLoop& loop, const std::function<bool()>& over) {
  while (!over()) ASSERT_TRUE(loop.run_ready());
}

std::string read_all(const base::Fd& from) {
  std::string text;
  std::array<char, 4096> chunk{};
  for (ssize_t count = 0; (count = ::read(from.get(), chunk.data(), chunk.size())) > 0;)
    text.append(chunk.data(), static_cast<std::size_t>(count));
  return text;
}

TEST(RemoteInput, ReadsNothingUngrantedAndThenNoMoreThanThat) {
  const auto loop = kernel::EventLoop::create().value();
  const auto source = kernel::make_pipe();
  ASSERT_TRUE(kernel::write_all(source->write_end, "0123456789"));
  std::string got;
  RemoteInput input(*loop, source->read_end.get(), [&](const std::string& bytes) { got += bytes; });
  ASSERT_TRUE(loop->run_ready());
  int unread = 0;
  ASSERT_EQ(::ioctl(source->read_end.get(), FIONREAD, &unread), 0);
  EXPECT_EQ(unread, 10);
  ASSERT_TRUE(input.grant(4));
  run_until(*loop, [&] { return got.size() >= 4; });
  for (int round = 0; round < 10; ++round) ASSERT_TRUE(loop->run_ready());
  EXPECT_EQ(got, "0123");
  ASSERT_TRUE(input.grant(100));
  run_until(*loop, [&] { return got.size() >= 10; });
  EXPECT_EQ(got, "0123456789");
}

TEST(RemoteInput, TellsOfTheEndOnce) {
  const auto loop = kernel::EventLoop::create().value();
  auto source = kernel::make_pipe();
  source->write_end.reset();
  int ends = 0;
  RemoteInput input(
      *loop, source->read_end.get(), [&](const std::string& bytes) { ends += bytes.empty(); });
  ASSERT_TRUE(input.grant(1));
  run_until(*loop, [&] { return ends > 0; });
  for (int round = 0; round < 10; ++round) ASSERT_TRUE(loop->run_ready());
  EXPECT_EQ(ends, 1);
}

TEST(RemoteOutput, WritesAllInOrderAndCountsWhatItTook) {
  const auto loop = kernel::EventLoop::create().value();
  auto sink = kernel::make_pipe();
  std::size_t taken = 0;
  bool is_ended = false;
  RemoteOutput output(*loop,
                      sink->write_end.get(),
                      {.taken = [&](std::size_t bytes) { taken += bytes; },
                       .refused = [] { FAIL(); },
                       .ended = [&] { is_ended = true; }});
  ASSERT_TRUE(output.start());
  std::string all;
  for (int line = 0; line < 100'000; ++line) all += std::to_string(line) + "\n";
  output.add(all);
  output.finish();
  std::string got;
  std::thread reader([&] { got = read_all(sink->read_end); });
  run_until(*loop, [&] { return is_ended; });
  sink->write_end.reset();
  reader.join();
  EXPECT_EQ(got, all);
  EXPECT_EQ(taken, all.size());
}

TEST(RemoteOutput, TellsThatNobodyReadsAnyMore) {
  const auto loop = kernel::EventLoop::create().value();
  (void)::signal(SIGPIPE, SIG_IGN);
  auto sink = kernel::make_pipe();
  sink->read_end.reset();
  bool is_refused = false;
  RemoteOutput output(*loop,
                      sink->write_end.get(),
                      {.taken = nullptr, .refused = [&] { is_refused = true; }, .ended = nullptr});
  ASSERT_TRUE(output.start());
  output.add("lost");
  run_until(*loop, [&] { return is_refused; });
  EXPECT_EQ(output.error(), EPIPE);
}

}  // namespace
}  // namespace retort::cli
