// Webhook delivery: signatures, pauses and secrets as they are promised.
#include "api/webhook_delivery.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace retort::api {
namespace {

class SecretFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "retort-secret-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string write(const std::string& text, mode_t mode) const {
    const std::string path = folder_ / "secret";
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }

  std::filesystem::path folder_;
};

// HMAC-SHA-256("key of sixteen bytes", "1700000000.{\"status\":\"ok\"}"), by `openssl dgst`.
TEST(WebhookSignature, IsOverTheTimeAndTheBody) {
  const Secret secret("key of sixteen bytes");
  EXPECT_EQ(webhook_signature(secret, 1'700'000'000, "{\"status\":\"ok\"}"),
            "t=1700000000,v1=626c521f616b8306ced26b4cd3c7ae9a7cc9c5b04f5bb7dfbbc9519770ab4bb0");
  EXPECT_NE(webhook_signature(secret, 1, "x"), webhook_signature(secret, 2, "x"));
  EXPECT_NE(webhook_signature(secret, 1, "x"), webhook_signature(secret, 1, "y"));
}

TEST(WebhookPause, GrowsToAnHourAndIsNeverLessThanHalf) {
  base::Duration before{};
  for (std::uint64_t failed = 1; failed <= 20; ++failed) {
    const base::Duration longest = webhook_pause(failed, 0);
    EXPECT_GE(longest, before);
    EXPECT_LE(longest, std::chrono::hours(1));
    EXPECT_EQ(webhook_pause(failed, 1), longest / 2);
    before = longest;
  }
  EXPECT_EQ(webhook_pause(1, 0), std::chrono::seconds(2));
  EXPECT_EQ(webhook_pause(2, 0), std::chrono::seconds(8));
  EXPECT_EQ(before, std::chrono::hours(1));
}

TEST_F(SecretFile, IsReadWithoutItsNewline) {
  const auto secret = read_webhook_secret(write("0123456789abcdef\n", 0600));
  ASSERT_TRUE(secret) << secret.error().what;
  EXPECT_EQ(secret->reveal(), "0123456789abcdef");
  EXPECT_TRUE(read_webhook_secret(write("0123456789abcdef\n", 0640)));
}

TEST_F(SecretFile, ThatOthersCanReadOrChangeIsRefused) {
  for (const mode_t mode : {0644U, 0604U, 0602U, 0660U, 0620U}) {
    const auto secret = read_webhook_secret(write("0123456789abcdef\n", mode));
    ASSERT_FALSE(secret) << mode;
    EXPECT_EQ(secret.error().fault, base::Fault::denied) << mode;
    EXPECT_FALSE(secret.error().what.contains("0123"));
  }
}

TEST_F(SecretFile, ThatIsShortOrNoneIsRefused) {
  EXPECT_FALSE(read_webhook_secret(write("fifteen bytes..\n", 0600)));
  EXPECT_FALSE(read_webhook_secret(write(std::string(5000, 'x'), 0600)));
  EXPECT_FALSE(read_webhook_secret(folder_ / "none"));
  EXPECT_FALSE(read_webhook_secret(folder_));
}

}  // namespace
}  // namespace retort::api
