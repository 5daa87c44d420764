// WebSocket: messages both ways, and peers that break, stall or flood.
#include "http/websocket.h"

#include <gtest/gtest.h>

#include "http/test_server.h"

namespace retort::http {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

constexpr char kContinuation = 0x0;
constexpr char kText = 0x1;
constexpr char kBinary = 0x2;
constexpr char kClose = 0x8;
constexpr char kPing = 0x9;
constexpr char kPong = 0xa;
constexpr char kFinal = '\x80';

// A client's frame, masked with zeros (RFC 6455, 5.3).
std::string frame(char opcode, std::string_view payload, char final = kFinal) {
  std::string bytes(1, static_cast<char>(final | opcode));
  if (payload.size() < 126) {
    bytes.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() < 65536) {
    bytes.push_back('\xfe');
    bytes.push_back(static_cast<char>(payload.size() >> 8U));
    bytes.push_back(static_cast<char>(payload.size() & 0xffU));
  } else {
    bytes.append("\xff\0\0\0\0\0", 6);
    for (const unsigned shift : {16U, 8U, 0U})
      bytes.push_back(static_cast<char>(payload.size() >> shift & 0xffU));
  }
  bytes.append(4, '\0');
  return bytes + std::string(payload);
}

std::string handshake(std::string_view path, std::string_view more = "") {
  return get(path,
             "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                 std::string(more));
}

// A server's frame of at most 125 bytes, as it is sent.
std::string short_frame(char opcode, std::string_view payload) {
  return std::string(1, static_cast<char>(kFinal | opcode)) + static_cast<char>(payload.size()) +
         std::string(payload);
}

std::string close_frame(std::uint16_t code, std::string_view reason = "") {
  const std::string payload = {static_cast<char>(code >> 8U), static_cast<char>(code & 0xffU)};
  return short_frame(kClose, payload + std::string(reason));
}

class WebSocketTest : public ::testing::Test {
 protected:
  std::unique_ptr<Client> open(std::string_view path = "/talk") {
    auto client = std::make_unique<Client>(server_);
    client->send(handshake(path));
    const std::string answer = client->read_until("\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 ")) << answer;
    EXPECT_NE(answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
              std::string::npos)
        << answer;
    EXPECT_NE(answer.find("Sec-WebSocket-Protocol: test.v1\r\n"), std::string::npos);
    return client;
  }
  bool all_is_over() {
    return becomes_true(
        [&] { return server_.statistics().open == 0 && server_.observed().unfinished == 0; });
  }

  TestServer server_;
};

TEST_F(WebSocketTest, CarriesMessagesBothWays) {
  const auto client = open();
  client->send(frame(kText, "hello"));
  EXPECT_EQ(client->read_until("hello"), short_frame(kText, "hello"));
  client->send(frame(kBinary, std::string_view("\0\xff", 2)));
  EXPECT_EQ(client->read_until("\xff"), short_frame(kBinary, std::string_view("\0\xff", 2)));
  client->send(frame(kText, "hel", 0) + frame(kPing, "there?") + frame(kContinuation, "lo", 0) +
               frame(kContinuation, ""));
  EXPECT_EQ(client->read_until("hello"),
            short_frame(kPong, "there?") + short_frame(kText, "hello"));
  const std::string large(90'000, 'x');
  client->send(frame(kText, large));
  EXPECT_NE(client->read_until(large).find(large), std::string::npos);
}

TEST_F(WebSocketTest, EndsReadingWhenThePeerClosesOrVanishes) {
  for (const int how : {0, 1, 2}) {
    const auto client = open();
    if (how == 0) client->send(frame(kClose, "\x03\xe8"));
    if (how == 0) EXPECT_EQ(client->read_to_end(), close_frame(1000));
    if (how == 1) client->close();
    if (how == 2) client->reset();
    EXPECT_TRUE(all_is_over());
    EXPECT_TRUE(server_.observed().error.starts_with("the WebSocket is closed: "));
  }
}

TEST_F(WebSocketTest, ClosesWithACodeAndAReason) {
  const auto client = open();
  client->send(frame(kText, "close"));
  EXPECT_EQ(client->read_until("as you wish"), close_frame(4000, "as you wish"));
  client->send(frame(kClose, "\x0f\xa0"));
  EXPECT_TRUE(client->is_closed_by_server());
  client->close();
  EXPECT_TRUE(all_is_over());
}

TEST_F(WebSocketTest, RefusesMessagesOverTheLimit) {
  const auto client = open();
  client->send(frame(kText, std::string(100'001, 'x')));
  EXPECT_EQ(client->read_until("\x03\xf1"), close_frame(1009));
  const auto fragments = open();
  fragments->send(frame(kText, std::string(60'000, 'x'), 0) +
                  frame(kContinuation, std::string(60'000, 'x')));
  EXPECT_EQ(fragments->read_until("\x03\xf1"), close_frame(1009));
}

TEST_F(WebSocketTest, RefusesWhatBreaksTheProtocol) {
  const auto bad_text = open();
  bad_text->send(frame(kText, "\xff\xfe"));
  EXPECT_EQ(bad_text->read_until("\x03\xef"), close_frame(1007));
  const auto cut_text = open();
  cut_text->send(frame(kText, "\xf3", 0) + frame(kPing, "") + frame(kContinuation, ""));
  EXPECT_EQ(cut_text->read_until("\x03\xef"), short_frame(kPong, "") + close_frame(1007));
  const auto unmasked = open();
  unmasked->send(short_frame(kText, "hello"));
  EXPECT_EQ(unmasked->read_until("\x03\xea"), close_frame(1002));
  const auto reserved = open();
  reserved->send(frame(0x3, "hello"));
  EXPECT_EQ(reserved->read_until("\x03\xea"), close_frame(1002));
}

TEST_F(WebSocketTest, EndsAPingFlood) {
  const auto client = open();
  const std::string pings = frame(kPing, std::string(125, 'x'));
  std::string many;
  for (int count = 0; count < 1000; ++count) many += pings;
  std::thread flood([&] {
    for (int count = 0; count < 200 && client->send(many); ++count) {
    }
  });
  EXPECT_NE(client->read_to_end().find("\x03\xf0too many frames that bring nothing"),
            std::string::npos);
  client->end_writing();
  flood.join();
  EXPECT_TRUE(all_is_over());
}

TEST_F(WebSocketTest, EndsAFloodOfPingsWhoseAnswersNobodyReads) {
  const auto client = open();
  std::string many;
  for (int count = 0; count < 1000; ++count) many += frame(kPing, std::string(125, 'x'));
  for (int count = 0; count < 200 && client->send(many); ++count) {
  }
  EXPECT_TRUE(all_is_over());
}

TEST_F(WebSocketTest, EndsAFloodOfEmptyAndOfTinyFragments) {
  for (const char* payload : {"", "x"}) {
    const auto client = open();
    client->send(frame(kText, "a", 0));
    std::string many;
    for (int count = 0; count < 10'000; ++count) many += frame(kContinuation, payload, 0);
    std::thread flood([&] {
      for (int count = 0; count < 100 && client->send(many); ++count) {
      }
    });
    EXPECT_NE(client->read_to_end().find("\x03\xf0too many frames"), std::string::npos) << payload;
    client->end_writing();
    flood.join();
    EXPECT_TRUE(all_is_over());
  }
}

TEST_F(WebSocketTest, AllowsManySmallMessages) {
  const auto client = open();
  std::string many;
  for (int count = 0; count < 1000; ++count) many += frame(kText, "");
  for (int round = 0; round < 20; ++round) client->send(many);
  client->send(frame(kText, "last"));
  EXPECT_TRUE(client->read_until("last").ends_with(short_frame(kText, "last")));
}

TEST_F(WebSocketTest, PingsAPeerThatIsSilentAndEndsOneThatDoesNotAnswer) {
  const auto alive = open();
  for (int count = 0; count < 4; ++count) {
    const std::string ping = alive->read_until(std::string_view("\x89\0", 2));
    ASSERT_EQ(ping, short_frame(kPing, ""));
    alive->send(frame(kPong, ""));
  }
  alive->send(frame(kText, "hello"));
  EXPECT_TRUE(alive->read_until("hello").ends_with("hello"));
  alive->close();
  EXPECT_TRUE(all_is_over());
  const auto dead = open();
  EXPECT_EQ(dead->read_to_end(), short_frame(kPing, ""));
  EXPECT_TRUE(all_is_over());
}

TEST_F(WebSocketTest, EndsAMessageThatComesTooSlowly) {
  const auto client = open();
  client->send(frame(kText, "a", 0));
  std::thread drip([&] {
    while (client->send(frame(kContinuation, "b", 0))) std::this_thread::sleep_for(50ms);
  });
  EXPECT_NE(client->read_to_end().find("\x03\xf0the message came too slowly"), std::string::npos);
  client->end_writing();
  drip.join();
  EXPECT_TRUE(all_is_over());
}

TEST_F(WebSocketTest, EndsAPeerThatDoesNotRead) {
  const auto client = open("/talk?flood");
  client->send(frame(kText, "go"));
  EXPECT_TRUE(all_is_over());
  EXPECT_TRUE(server_.observed().error.starts_with("the WebSocket is closed: "));
}

TEST_F(WebSocketTest, IsRefusedWhereItIsNotAskedForProperly) {
  Client plain(server_);
  plain.send(get("/talk"));
  EXPECT_EQ(status_of(plain.read_answer()), "500");
  Client hasty(server_);
  hasty.send(handshake("/talk") + frame(kText, "too early"));
  EXPECT_EQ(status_of(hasty.read_to_end()), "400");
  Client old(server_);
  std::string request = handshake("/talk");
  request.replace(request.find("Version: 13"), 11, "Version: 12");
  old.send(request);
  EXPECT_EQ(status_of(old.read_to_end()), "426");
}

TEST_F(WebSocketTest, IsCutWhenTheServerIsNotDrainedInTime) {
  const auto client = open();
  server_.drain(50ms);
  (void)client->read_to_end();
  EXPECT_TRUE(becomes_true([&] { return server_.is_drained(); }));
  EXPECT_EQ(server_.observed().unfinished, 0);
}

}  // namespace
}  // namespace retort::http
