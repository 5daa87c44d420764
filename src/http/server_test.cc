// Server: answers, connections and their ends, from raw sockets.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include <gtest/gtest.h>

#include "http/test_server.h"

namespace retort::http {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Server, AnswersAndKeepsTheConnection) {
  TestServer server;
  Client client(server);
  for (int round = 0; round < 3; ++round) {
    client.send(get("/hello%20you"));
    const std::string answer = client.read_answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nDate: ")) << answer;
    EXPECT_TRUE(has(answer, "GMT\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n"))
        << answer;
    EXPECT_TRUE(answer.ends_with("GET /hello you")) << answer;
  }
  EXPECT_EQ(server.statistics().open, 1U);
  EXPECT_EQ(server.statistics().requests, 3U);
  client.close();
  EXPECT_TRUE(becomes_true([&] { return server.statistics().open == 0; }));
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  Client client(server);
  client.send(get("/1") + post("/echo", "two") + "\r\n" + get("/work?ms=20") + get("/nothing") +
              get("/5"));
  EXPECT_TRUE(client.read_answer().ends_with("GET /1"));
  EXPECT_TRUE(client.read_answer().ends_with("two"));
  EXPECT_TRUE(client.read_answer().ends_with("done"));
  EXPECT_EQ(status_of(client.read_answer()), "204");
  EXPECT_TRUE(client.read_answer().ends_with("GET /5"));
}

TEST(Server, TakesARequestThatComesByteByByte) {
  TestServer server;
  Client client(server);
  for (const char c : post("/echo", "slowly")) client.send(std::string_view(&c, 1));
  EXPECT_TRUE(client.read_answer().ends_with("slowly"));
}

TEST(Server, ClosesWhenItIsAskedTo) {
  TestServer server;
  Client client(server);
  client.send(get("/", "Connection: close\r\n"));
  EXPECT_TRUE(has(client.read_to_end(), "\r\nConnection: close\r\n"));
  Client old(server);
  old.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(has(old.read_to_end(), "\r\nConnection: close\r\n"));
  Client old_that_stays(server);
  old_that_stays.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(has(old_that_stays.read_answer(), "\r\nConnection: keep-alive\r\n"));
  old_that_stays.send("GET /again HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old_that_stays.read_to_end().ends_with("GET /again"));
}

TEST(Server, AnswersHeadWithoutABody) {
  TestServer server;
  Client client(server);
  client.send("HEAD /large HTTP/1.1\r\nHost: h\r\n\r\n" + get("/next"));
  EXPECT_TRUE(has(client.read_until("\r\n\r\n"), "Content-Length: 5000000\r\n"));
  EXPECT_TRUE(client.read_answer().ends_with("GET /next"));
  client.send("HEAD /stream?pieces=3 HTTP/1.1\r\nHost: h\r\n\r\n" + get("/next"));
  EXPECT_TRUE(has(client.read_until("\r\n\r\n"), "Transfer-Encoding: chunked"));
  EXPECT_TRUE(client.read_answer().ends_with("GET /next"));
}

TEST(Server, SendsLargeAnswersWhole) {
  TestServer server;
  Client client(server);
  client.send(get("/large", "Connection: close\r\n"));
  std::this_thread::sleep_for(50ms);  // so that the kernel's buffers are full
  const std::string answer = client.read_to_end();
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 5'000'000U);
}

TEST(Server, StreamsChunksAndCountedAnswers) {
  TestServer server;
  Client client(server);
  client.send(get("/stream?pieces=2") + get("/stream?pieces=0") +
              get("/stream?pieces=2&length=10"));
  EXPECT_TRUE(has(client.read_until("\r\n\r\n"), "Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "5\r\npiece\r\n5\r\npiece\r\n0\r\n\r\n");
  (void)client.read_until("\r\n\r\n");
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
  const std::string counted = client.read_answer();
  EXPECT_TRUE(counted.ends_with("\r\n\r\npiecepiece")) << counted;
  EXPECT_FALSE(has(counted, "chunked"));
  Client old(server);
  old.send("GET /stream?pieces=2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(old.read_to_end().ends_with("Connection: close\r\n\r\npiecepiece"));
}

TEST(Server, CutsAnAnswerThatItsHandlerDidNotFinish) {
  TestServer server;
  for (const char* path : {"/stream?pieces=1&unfinished",
                           "/stream?pieces=1&length=10",
                           "/stream?pieces=3&length=10"}) {
    Client client(server);
    client.send(get(path) + get("/next"));
    const std::string answer = client.read_to_end();
    EXPECT_EQ(status_of(answer), "200");
    EXPECT_FALSE(answer.ends_with("0\r\n\r\n")) << answer;
    EXPECT_FALSE(has(answer, "next"));
  }
}

TEST(Server, AnswersForAHandlerThatDoesNot) {
  TestServer server;
  Client client(server);
  for (const char* path : {"/silent", "/throw", "/split"}) {
    client.send(get(path));
    const std::string answer = client.read_answer();
    EXPECT_EQ(status_of(answer), "500") << path;
    EXPECT_TRUE(has(answer, "Content-Type: application/problem+json"));
    EXPECT_TRUE(has(answer,
                    R"({"type":"about:blank","title":"Internal Server Error","status":500,)"
                    R"("code":"internal_error","detail":)"))
        << answer;
    EXPECT_FALSE(has(answer, "Set-Cookie"));
    EXPECT_FALSE(has(answer, "on purpose"));
  }
}

TEST(Server, ReadsBodiesOfEitherFraming) {
  TestServer server;
  Client client(server);
  const std::string chunked =
      "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
  client.send(chunked + post("/echo", "there") + chunked);
  EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\nhello!"));
  EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\nthere"));
  EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\nhello!"));
  client.send(post("/count", std::string(3'000'000, 'x')));
  EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\n3000000"));
  client.send(post("/echo", ""));
  EXPECT_EQ(status_of(client.read_answer()), "200");
}

TEST(Server, RefusesABodyOverTheLimitBeforeItIsSent) {
  TestServer server;
  Client client(server);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  const std::string answer = client.read_to_end();
  EXPECT_EQ(status_of(answer), "413");
  EXPECT_TRUE(has(answer, R"("code":"body_too_large")"));
  EXPECT_TRUE(has(answer, "Connection: close"));
}

TEST(Server, AsksForABodyWhenTheHandlerReadsIt) {
  TestServer server;
  Client client(server);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  EXPECT_TRUE(client.read_answer().ends_with("hello"));
  // A handler that does not read it answers without.
  client.send(
      "POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST(Server, BoundsAChunkedBodyThatDoesNotEnd) {
  TestServer server;
  Client client(server);
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::thread sender([&] {
    while (client.send("5\r\nhello\r\n")) {
    }
  });
  const std::string answer = client.read_until("}\n");
  EXPECT_EQ(status_of(answer), "413");
  client.end_writing();
  sender.join();
}

TEST(Server, LetsAClientSeeTheAnswerToABodyItStillSends) {
  TestServer server;
  Client client(server);
  const std::string body(4'000'000, 'x');
  EXPECT_TRUE(client.send(post("/other", body)));
  const std::string answer = client.read_to_end();
  EXPECT_EQ(status_of(answer), "200");
  EXPECT_TRUE(has(answer, "Connection: close"));
}

TEST(Server, DropsOnlySoMuchOfABodyThatNobodyReads) {
  Options options;
  options.linger_bytes = base::ByteSize::of_bytes(1U << 20U);
  TestServer server(options);
  Client client(server);
  client.send("POST /other HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
  int sent = 0;
  while (sent < 1000 && client.send(chunk)) ++sent;
  EXPECT_LT(sent, 1000);
  EXPECT_TRUE(becomes_true([&] { return server.statistics().open == 0; }));
}

TEST(Server, TellsAHandlerThatTheClientHasGone) {
  TestServer server;
  for (const bool with_reset : {false, true}) {
    Client client(server);
    client.send(post("/work", ""));
    EXPECT_TRUE(becomes_true([&] { return server.observed().unfinished == 1; }));
    if (with_reset) {
      client.reset();
    } else {
      client.close();
    }
    EXPECT_TRUE(becomes_true([&] { return server.observed().unfinished == 0; }));
    EXPECT_EQ(server.observed().gone, with_reset ? 2 : 1);
  }
  EXPECT_TRUE(becomes_true([&] { return server.statistics().open == 0; }));
}

TEST(Server, TellsItAlsoBehindPipelinedRequestsAndBytes) {
  TestServer server;
  Client client(server);
  client.send(get("/work") + get("/next"));
  EXPECT_TRUE(becomes_true([&] { return server.observed().unfinished == 1; }));
  client.send(std::string(100'000, 'x'));
  EXPECT_EQ(server.observed().gone, 0);
  client.close();
  EXPECT_TRUE(becomes_true([&] { return server.observed().gone == 1; }));
  EXPECT_TRUE(becomes_true([&] { return server.statistics().open == 0; }));
}

TEST(Server, KeepsWhatComesWhileAHandlerWorks) {
  TestServer server;
  Client client(server);
  client.send(get("/work?ms=100"));
  EXPECT_TRUE(becomes_true([&] { return server.observed().unfinished == 1; }));
  client.send("G");
  std::this_thread::sleep_for(10ms);
  client.send(get("/next").substr(1));
  EXPECT_TRUE(client.read_answer().ends_with("done"));
  EXPECT_TRUE(client.read_answer().ends_with("GET /next"));
  EXPECT_EQ(server.observed().gone, 0);
}

TEST(Server, ListensOnUnixSocketsAndReplacesStaleOnes) {
  std::string folder = "/tmp/retort-http-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/socket";
  for (int round = 0; round < 2; ++round) {
    TestServer server;
    server.ask([&](Server& asked, Observed&) {
      const auto listening = asked.listen_unix(path, 0600);
      EXPECT_TRUE(listening) << listening.error().what;
      EXPECT_EQ(asked.listen_unix(path, 0600).error().fault, base::Fault::busy);
      EXPECT_EQ(asked.addresses().back(), "unix:" + path);
    });
    struct stat made{};
    ASSERT_EQ(::stat(path.c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777U, 0600U);
    Client client(path);
    client.send(get("/peer"));
    EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\nunix"));
    if (round == 0) {
      // As if it had been killed: the file outlives the socket.
      ASSERT_EQ(::rename(path.c_str(), (path + "2").c_str()), 0);
      server.ask([](Server& asked, Observed&) { asked.stop_accepting(); });
      ASSERT_EQ(::rename((path + "2").c_str(), path.c_str()), 0);
    }
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  EXPECT_EQ(::rmdir(folder.c_str()), 0);
}

TEST(Server, NamesItsPeerAndRefusesMalformedAddresses) {
  TestServer server;
  Client client(server);
  client.send(get("/peer"));
  EXPECT_TRUE(has(client.read_answer(), "\r\n\r\n127.0.0.1:"));
  server.ask([](Server& asked, Observed&) {
    for (const char* address :
         {"", "8080", "127.0.0.1", "localhost:1", "127.0.0.1:65536", "[::1:80", "::1:80x"})
      EXPECT_FALSE(asked.listen_tcp(address)) << address;
    EXPECT_TRUE(asked.listen_tcp(":0"));
    EXPECT_FALSE(asked.adopt(base::Fd(::fcntl(0, F_DUPFD_CLOEXEC, 0))));
  });
}

TEST(Server, DrainsByAnsweringWhatItHas) {
  TestServer server;
  Client idle(server);
  idle.send(get("/"));
  (void)idle.read_answer();
  Client busy(server);
  busy.send(get("/work?ms=200"));
  EXPECT_TRUE(becomes_true([&] { return server.observed().unfinished == 1; }));
  server.drain(20s);
  EXPECT_TRUE(idle.is_closed_by_server());
  EXPECT_FALSE(server.is_drained());
  const std::string answer = busy.read_to_end();
  EXPECT_TRUE(has(answer, "Connection: close")) << answer;
  EXPECT_TRUE(answer.ends_with("done"));
  busy.close();
  EXPECT_TRUE(becomes_true([&] { return server.is_drained(); }));
}

TEST(Server, CutsWhatIsNotDrainedInTime) {
  TestServer server;
  Client busy(server);
  busy.send(get("/work"));
  EXPECT_TRUE(becomes_true([&] { return server.observed().unfinished == 1; }));
  server.drain(50ms);
  EXPECT_TRUE(becomes_true([&] { return server.is_drained(); }));
  EXPECT_EQ(server.observed().gone, 1);
  EXPECT_EQ(server.observed().unfinished, 0);
}

}  // namespace
}  // namespace retort::http
