// Hostile: clients that are slow, many, malformed or deaf cost the server little, and others
// nothing.
#include <fcntl.h>
#include <sys/resource.h>

#include <vector>

#include <gtest/gtest.h>

#include "http/test_server.h"

namespace retort::http {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Short, so that the tests are; every one is waited out with slack.
Options hasty() {
  Options options;
  options.header_time = 200ms;
  options.body_idle = 200ms;
  options.write_stall = 200ms;
  options.keep_alive = 200ms;
  options.linger = 200ms;
  return options;
}

void expect_refused(TestServer& server,
                    const std::string& bytes,
                    std::string_view status,
                    std::string_view code) {
  Client client(server);
  client.send(bytes);
  const std::string answer = client.read_to_end();
  EXPECT_EQ(status_of(answer), status) << bytes.substr(0, 200) << "\n" << answer;
  EXPECT_TRUE(has(answer, "Content-Type: application/problem+json")) << answer;
  EXPECT_TRUE(has(answer, "Connection: close")) << answer;
  EXPECT_TRUE(has(answer, "\"code\":\"" + std::string(code) + "\"")) << answer;
  EXPECT_FALSE(has(answer, "smuggled")) << answer;
}

TEST(Hostile, ARequestThatCouldBeUnderstoodInTwoWaysIsRefusedAndEndsTheConnection) {
  TestServer server(hasty());
  const std::string smuggled = get("/smuggled");
  const std::string start = "POST /echo HTTP/1.1\r\nHost: h\r\n";
  for (const std::string& headers : std::vector<std::string>{
           "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
           "Content-Length: 0\r\nContent-Length: 60\r\n\r\n",
           "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
           "X: a\r\n Content-Length: 60\r\n\r\n",
           "X: a\nContent-Length: 60\r\n\r\n",
           "X: a\n\n",
           "Host: other\r\n\r\n",
           "Transfer-Encoding : chunked\r\n\r\n",
           "Content-Length: +0\r\n\r\n",
       })
    expect_refused(server, start + headers + smuggled, "400", "bad_request");
  expect_refused(server, "GET / HTTP/1.1\r\n\r\n" + smuggled, "400", "bad_request");
  expect_refused(
      server, "GET http://evil/ HTTP/1.1\r\nHost: h\r\n\r\n" + smuggled, "400", "bad_request");
  expect_refused(server,
                 std::string("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 28) + smuggled,
                 "400",
                 "bad_request");
  expect_refused(server, "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n" + smuggled, "400", "bad_request");
  expect_refused(server,
                 start + "Transfer-Encoding: gzip, chunked\r\n\r\n" + smuggled,
                 "501",
                 "not_implemented");
  expect_refused(server,
                 start + "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
                 "415",
                 "unsupported_content_encoding");
  expect_refused(
      server, "GET / HTTP/2.0\r\nHost: h\r\n\r\n" + smuggled, "505", "http_version_not_supported");
  expect_refused(server, "\x16\x03\x01\x02\n\r\n\r\n", "400", "bad_request");
  EXPECT_EQ(server.statistics().requests, 0U);
}

TEST(Hostile, AMalformedChunkIsRefusedAndEndsTheConnection) {
  TestServer server(hasty());
  const std::string start = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* chunks :
       {"5\r\nhelloX\r\n0\r\n\r\n", "zz\r\n", "5\nhello\n0\n\n", "ffffffffffffffffff\r\n"})
    expect_refused(server, start + chunks + get("/smuggled"), "400", "bad_request");
  expect_refused(server, start + "5;" + std::string(30'000, 'x'), "400", "bad_request");
  expect_refused(server, start + "0\r\nX: " + std::string(30'000, 'x'), "400", "bad_request");
}

TEST(Hostile, HeadsAreBounded) {
  TestServer server(hasty());
  expect_refused(server, "GET /" + std::string(9000, 'x'), "414", "uri_too_long");
  expect_refused(
      server, get("/", "X: " + std::string(20'000, 'x') + "\r\n"), "431", "header_too_large");
  std::string many;
  for (int count = 0; count < 101; ++count) many += "X: y\r\n";
  expect_refused(server, get("/", many), "431", "header_too_large");
  Client client(server);
  client.send(get("/", "X: " + std::string(15'000, 'x') + "\r\n"));
  EXPECT_EQ(status_of(client.read_answer()), "200");
}

TEST(Hostile, AHeadThatComesTooSlowlyIsNotWaitedFor) {
  TestServer server(hasty());
  Client silent(server);
  EXPECT_EQ(silent.read_to_end(), "");
  Client slow(server);
  slow.send("GET / HTTP/1.1\r\n");
  EXPECT_EQ(status_of(slow.read_to_end()), "408");
  // A byte now and then changes nothing.
  Client dripping(server);
  std::thread drip([&] {
    while (dripping.send("x")) std::this_thread::sleep_for(20ms);
  });
  EXPECT_EQ(status_of(dripping.read_until("}\n")), "408");
  dripping.end_writing();
  drip.join();
  // Of a connection that is kept, neither; and an idle one is closed.
  Client kept(server);
  kept.send(get("/"));
  EXPECT_EQ(status_of(kept.read_answer()), "200");
  kept.send("GET");
  EXPECT_EQ(status_of(kept.read_to_end()), "408");
  Client idle(server);
  idle.send(get("/"));
  EXPECT_EQ(status_of(idle.read_answer()), "200");
  EXPECT_EQ(idle.read_to_end(), "");
}

TEST(Hostile, ABodyThatComesTooSlowlyIsNotWaitedFor) {
  TestServer server(hasty());
  for (const char* path : {"/echo", "/count"}) {
    Client client(server);
    client.send("POST " + std::string(path) +
                " HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
    const std::string answer = client.read_to_end();
    EXPECT_EQ(status_of(answer), "408") << answer;
    EXPECT_TRUE(has(answer, "Connection: close"));
    EXPECT_TRUE(server.observed().timed_out);
  }
}

TEST(Hostile, ABodyThatComesByteByByteIsNotWaitedForForever) {
  TestServer server(hasty());
  Client client(server);
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::thread drip([&] {
    while (client.send("1\r\nx\r\n")) std::this_thread::sleep_for(50ms);
  });
  EXPECT_EQ(status_of(client.read_until("}\n")), "408");
  client.end_writing();
  drip.join();
}

TEST(Hostile, ABodyThatEndsTooEarlyIsNoBody) {
  TestServer server(hasty());
  Client client(server);
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  client.end_writing();
  EXPECT_EQ(status_of(client.read_to_end()), "400");
  EXPECT_FALSE(server.observed().timed_out);
  EXPECT_EQ(server.observed().unfinished, 0);
}

TEST(Hostile, AClientThatDoesNotReadIsNotWaitedFor) {
  TestServer server(hasty());
  Client deaf(server);
  deaf.send(get("/flood"));
  EXPECT_TRUE(becomes_true([&] { return server.observed().timed_out; }));
  EXPECT_TRUE(becomes_true([&] { return server.statistics().open == 0; }));
  Client deaf_too(server);
  for (int count = 0; count < 20; ++count) deaf_too.send(get("/large"));
  EXPECT_TRUE(becomes_true([&] { return server.statistics().open == 0; }));
}

TEST(Hostile, ConnectionsOverTheCapAreToldSoAndOthersGoOn) {
  Options options = hasty();
  options.keep_alive = 20s;
  options.header_time = 20s;
  options.connections = 3;
  TestServer server(options);
  std::vector<std::unique_ptr<Client>> held;
  for (int count = 0; count < 3; ++count) {
    held.push_back(std::make_unique<Client>(server));
    held.back()->send(get("/"));
    EXPECT_EQ(status_of(held.back()->read_answer()), "200");
  }
  Client late(server);
  late.send(get("/"));
  const std::string answer = late.read_to_end();
  EXPECT_EQ(status_of(answer), "503");
  EXPECT_TRUE(has(answer, "Retry-After: 1\r\n"));
  EXPECT_TRUE(has(answer, R"("code":"too_many_connections")"));
  EXPECT_EQ(server.statistics().refused_full, 1U);
  held.front()->send(get("/still"));
  EXPECT_TRUE(held.front()->read_answer().ends_with("GET /still"));
  held.pop_back();
  EXPECT_TRUE(becomes_true([&] { return server.statistics().open == 2; }));
  Client next(server);
  next.send(get("/"));
  EXPECT_EQ(status_of(next.read_answer()), "200");
}

TEST(Hostile, AnAddressHasSoManyConnectionsAndNoMore) {
  Options options = hasty();
  options.header_time = 20s;
  options.connections_per_address = 2;
  TestServer server(options);
  Client first(server);
  Client second(server);
  EXPECT_TRUE(becomes_true([&] { return server.statistics().open == 2; }));
  Client third(server);
  EXPECT_EQ(status_of(third.read_to_end()), "503");
  EXPECT_EQ(server.statistics().refused_per_address, 1U);
  first.close();
  EXPECT_TRUE(becomes_true([&] { return server.statistics().open == 1; }));
  Client fourth(server);
  fourth.send(get("/"));
  EXPECT_EQ(status_of(fourth.read_answer()), "200");
}

TEST(Hostile, AConnectionFloodLeavesNothingBehind) {
  Options options = hasty();
  options.connections = 10;
  TestServer server(options);
  for (int round = 0; round < 300; ++round) {
    Client client(server);
    if (round % 3 == 0) client.send(get("/"));
    if (round % 2 == 0) client.reset();
  }
  EXPECT_TRUE(becomes_true([&] {
    const Statistics statistics = server.statistics();
    return statistics.open == 0 && statistics.accepted == 300;
  }));
  Client client(server);
  client.send(get("/"));
  EXPECT_EQ(status_of(client.read_answer()), "200");
}

// The bound on descriptor numbers is the process's: lowered below what is open, nothing opens a new
// one, neither the server nor this test.
TEST(Hostile, AcceptingGoesOnAfterDescriptorsRanOut) {
  TestServer server;
  Client held(server);
  held.send(get("/"));
  EXPECT_EQ(status_of(held.read_answer()), "200");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  // Filled up to the bound but for one, which the client's own socket takes.
  std::vector<base::Fd> fillers;
  const rlimit tight{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  while (true) {
    base::Fd filler(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!filler.is_open()) break;
    fillers.push_back(std::move(filler));
  }
  ASSERT_FALSE(fillers.empty());
  fillers.pop_back();
  Client turned_away(server);
  const std::string answer = turned_away.read_to_end();
  EXPECT_EQ(status_of(answer), "503");
  EXPECT_GE(server.statistics().refused_descriptors, 1U);
  held.send(get("/still"));
  EXPECT_TRUE(held.read_answer().ends_with("GET /still"));
  fillers.clear();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  Client next(server);
  next.send(get("/"));
  EXPECT_EQ(status_of(next.read_answer()), "200");
}

TEST(Hostile, RequestsOfOneConnectionAreCounted) {
  Options options = hasty();
  options.requests_per_connection = 2;
  TestServer server(options);
  Client client(server);
  client.send(get("/1") + get("/2") + get("/3"));
  const std::string answers = client.read_to_end();
  EXPECT_TRUE(answers.ends_with("GET /2"));
  EXPECT_TRUE(has(answers, "Connection: close"));
}

}  // namespace
}  // namespace retort::http
