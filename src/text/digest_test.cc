// Digest: the published vectors, in one piece and in many.
#include "text/digest.h"

#include <set>

#include <gtest/gtest.h>

#include "text/encodings.h"

namespace retort::text {
namespace {

// FIPS 180-4, examples of NIST's cryptographic standards page.
TEST(Sha256, MatchesTheVectorsOfNist) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, IsTheSameInPiecesAndStartsAnewAfterFinish) {
  const std::string text(1000000, 'a');
  Sha256 sha;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t start = 0, length = 1; start < text.size(); start += length, length += 7) {
      sha.update(std::string_view(text).substr(start, length));
    }
    EXPECT_EQ(hex(bytes_of(sha.finish())), sha256_hex(text));
  }
}

TEST(Sha256, HasOneSpelling) {
  const std::string digest = sha256_hex("");
  EXPECT_TRUE(is_sha256_hex(digest));
  EXPECT_FALSE(is_sha256_hex(digest.substr(1)));
  EXPECT_FALSE(is_sha256_hex(digest + "0"));
  EXPECT_FALSE(is_sha256_hex("E" + digest.substr(1)));
  EXPECT_FALSE(is_sha256_hex("/" + digest.substr(1)));
  EXPECT_FALSE(is_sha256_hex(std::string(64, '.')));
}

// RFC 4231, test cases 1, 2, 3 and 6 (a key longer than a block), and an empty key.
TEST(Hmac, MatchesTheVectorsOfRfc4231) {
  const auto mac = [](std::string_view key, std::string_view bytes) {
    return hex(bytes_of(hmac_sha256(key, bytes)));
  };
  EXPECT_EQ(mac(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(mac("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(mac(std::string(20, '\xaa'), std::string(50, '\xdd')),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(mac(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(mac({}, {}), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hmac, StartsAnewWithTheSameKeyAfterFinish) {
  HmacSha256 mac("Jefe");
  for (int round = 0; round < 2; ++round) {
    mac.update("what do ya want ");
    mac.update("for nothing?");
    EXPECT_EQ(mac.finish(), hmac_sha256("Jefe", "what do ya want for nothing?"));
  }
}

TEST(ConstantTimeEqual, IsEquality) {
  EXPECT_TRUE(constant_time_equal("", ""));
  EXPECT_TRUE(constant_time_equal("secret", "secret"));
  EXPECT_FALSE(constant_time_equal("secret", "secreT"));
  EXPECT_FALSE(constant_time_equal("secret", "secret0"));
  EXPECT_FALSE(constant_time_equal("secret", ""));
}

TEST(RandomBytes, AreAsManyAsAskedForAndNeverTheSame) {
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(1000).size(), 1000U);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(random_bytes(16)).second);
}

}  // namespace
}  // namespace retort::text
