// Digest: OpenSSL's EVP interface, with the algorithms fetched once.
#include "text/digest.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "text/encodings.h"

namespace retort::text {
namespace {

void require(bool done, const char* what) {
  if (done) return;
  (void)std::fprintf(stderr, "retort: %s is not possible here; is libcrypto intact?\n", what);
  std::abort();
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const { ::EVP_MAC_CTX_free(context); }
};

// Fetched once and never freed: a fetch takes longer than the digest of a short text.
const EVP_MD* sha256() {
  static const EVP_MD* const kMethod = ::EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return kMethod;
}

EVP_MAC* hmac() {
  static EVP_MAC* const kMethod = ::EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return kMethod;
}

unsigned char* as_unsigned(Digest& digest) {
  return reinterpret_cast<unsigned char*>(digest.data());
}

const unsigned char* as_unsigned(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, FreeContext> context{::EVP_MD_CTX_new()};

  void start() { require(::EVP_DigestInit_ex2(context.get(), sha256(), nullptr) == 1, "SHA-256"); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  state_->start();
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  require(::EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "SHA-256");
}

void Sha256::update(std::span<const std::byte> bytes) {
  update(as_text(bytes));
}

Digest Sha256::finish() {
  Digest digest{};
  unsigned size = 0;
  require(::EVP_DigestFinal_ex(state_->context.get(), as_unsigned(digest), &size) == 1 &&
              size == digest.size(),
          "SHA-256");
  state_->start();
  return digest;
}

struct HmacSha256::State {
  std::unique_ptr<EVP_MAC_CTX, FreeContext> context{::EVP_MAC_CTX_new(hmac())};
};

HmacSha256::HmacSha256(std::string_view key) : state_(std::make_unique<State>()) {
  char name[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
      ::OSSL_PARAM_construct_end()};
  // A null key would mean "the key as it was".
  const std::string_view given = key.empty() ? std::string_view("") : key;
  require(::EVP_MAC_init(state_->context.get(), as_unsigned(given), given.size(), parameters) == 1,
          "HMAC");
}
HmacSha256::HmacSha256(HmacSha256&&) noexcept = default;
HmacSha256& HmacSha256::operator=(HmacSha256&&) noexcept = default;
HmacSha256::~HmacSha256() = default;

void HmacSha256::update(std::string_view bytes) {
  require(::EVP_MAC_update(state_->context.get(), as_unsigned(bytes), bytes.size()) == 1, "HMAC");
}

void HmacSha256::update(std::span<const std::byte> bytes) {
  update(as_text(bytes));
}

Digest HmacSha256::finish() {
  Digest digest{};
  std::size_t size = 0;
  EVP_MAC_CTX* const context = state_->context.get();
  require(::EVP_MAC_final(context, as_unsigned(digest), &size, digest.size()) == 1 &&
              size == digest.size() && ::EVP_MAC_init(context, nullptr, 0, nullptr) == 1,
          "HMAC");
  return digest;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes);
  return hex(bytes_of(sha.finish()));
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 2 * kDigestBytes && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Digest hmac_sha256(std::string_view key, std::string_view bytes) {
  HmacSha256 mac(key);
  mac.update(bytes);
  return mac.finish();
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = ::getrandom(bytes.data() + done, count - done, 0);
    if (got < 0 && errno == EINTR) continue;
    require(got > 0, "getrandom(2)");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace retort::text
