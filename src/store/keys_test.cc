// Keys: a secret that is seen once, and who is let in by it.
#include "store/keys.h"

#include <set>

#include "store/test_support.h"
#include "text/digest.h"

namespace retort::store {
namespace {

NewKey key_named(const std::string& name) {
  return {.name = name,
          .scopes = scope::kRun | scope::kRead,
          .bounds_json = R"({"cpu_time":"2s"})",
          .rate_per_minute = 60,
          .concurrency = std::nullopt,
          .priority_max = 3,
          .expires_us = std::nullopt};
}

class KeysTest : public testing::Test {
 protected:
  TestFolder folder_;
  std::unique_ptr<Database> database_ = open_database(folder_);
  Keys keys_{*database_};
};

TEST_F(KeysTest, ATokenLetsItsKeyIn) {
  const auto created = keys_.create(key_named("editor"), 100);
  ASSERT_TRUE(created) << created.error().what;
  const auto key = keys_.authenticate(created->token, 200);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->id, created->key.id);
  EXPECT_EQ(key->name, "editor");
  EXPECT_EQ(key->scopes, scope::kRun | scope::kRead);
  EXPECT_EQ(key->bounds_json, R"({"cpu_time":"2s"})");
  EXPECT_EQ(key->rate_per_minute, 60);
  EXPECT_EQ(key->concurrency, std::nullopt);
  EXPECT_EQ(key->priority_max, 3);
  EXPECT_EQ(key->created_us, 100);
  EXPECT_EQ(key->last_used_us, std::nullopt);
}

TEST_F(KeysTest, TokensHaveOneFormAndAreNeverTheSame) {
  std::set<std::string> ids;
  std::set<std::string> secrets;
  for (int i = 0; i < 100; ++i) {
    const auto created = keys_.create(key_named("k"), 1);
    const std::string& token = created->token;
    ASSERT_EQ(token.size(), 7U + 12 + 1 + 43);
    EXPECT_EQ(token.substr(0, 7), "retort_");
    EXPECT_EQ(token.substr(7, 12), created->key.id);
    EXPECT_EQ(token[19], '_');
    EXPECT_EQ(created->key.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567"),
              std::string::npos);
    EXPECT_TRUE(ids.insert(created->key.id).second);
    EXPECT_TRUE(secrets.insert(token.substr(20)).second);
  }
}

TEST_F(KeysTest, TheSecretIsNowhereInTheStateFolder) {
  const std::string token = keys_.create(key_named("k"), 1)->token;
  const std::string secret = token.substr(20);
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_EQ(content_of(entry.path()).find(secret), std::string::npos) << entry.path();
  }
  auto row = database_->prepare("SELECT secret_digest FROM api_key");
  ASSERT_TRUE(*row->step());
  EXPECT_EQ(row->text(0), text::sha256_hex(secret));
}

TEST_F(KeysTest, EveryOtherTokenIsRefusedInTheSameWords) {
  const std::string token = keys_.create(key_named("k"), 1)->token;
  const std::string other = keys_.create(key_named("l"), 1)->token;
  std::vector<std::string> wrong = {"",
                                    "retort_",
                                    token.substr(1),
                                    token + "A",
                                    " " + token,
                                    token.substr(0, token.size() - 1),
                                    "RETORT_" + token.substr(7),
                                    token.substr(0, 20) + other.substr(20),
                                    "retort_aaaaaaaaaaaa_" + token.substr(20),
                                    "retort_' OR 1=1 --_" + token.substr(19),
                                    token.substr(0, 20) + std::string(43, '\0')};
  for (std::size_t i = 0; i < token.size(); ++i) {
    wrong.push_back(token);
    wrong.back()[i] = token[i] == 'a' ? 'b' : 'a';
  }
  for (const std::string& attempt : wrong) {
    const auto key = keys_.authenticate(attempt, 2);
    ASSERT_FALSE(key) << attempt;
    EXPECT_EQ(key.error().fault, base::Fault::denied);
    EXPECT_EQ(key.error().what, "this is not a valid API key");
  }
}

TEST_F(KeysTest, ARevokedKeyIsRefusedFromThenOn) {
  const auto created = keys_.create(key_named("k"), 1);
  EXPECT_TRUE(*keys_.revoke(created->key.id, 50));
  EXPECT_FALSE(*keys_.revoke(created->key.id, 60));
  EXPECT_EQ(keys_.get(created->key.id)->revoked_us, 50);
  const auto key = keys_.authenticate(created->token, 50);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().fault, base::Fault::denied);
  EXPECT_NE(key.error().what.find("revoked"), std::string::npos);
  EXPECT_EQ(keys_.revoke("none", 1).error().fault, base::Fault::not_found);
}

TEST_F(KeysTest, AKeyIsGoodUntilItExpires) {
  NewKey key = key_named("k");
  key.expires_us = 1000;
  const auto created = keys_.create(key, 1);
  EXPECT_TRUE(keys_.authenticate(created->token, 999));
  const auto late = keys_.authenticate(created->token, 1000);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().fault, base::Fault::denied);
  EXPECT_NE(late.error().what.find("expired"), std::string::npos);
}

TEST_F(KeysTest, AreListedAndTouched) {
  const std::string one = keys_.create(key_named("one"), 2)->key.id;
  const std::string two = keys_.create(key_named("two"), 1)->key.id;
  ASSERT_TRUE(keys_.touch(one, 77));
  const auto keys = keys_.list();
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ((*keys)[0].id, two);
  EXPECT_EQ((*keys)[1].id, one);
  EXPECT_EQ((*keys)[1].last_used_us, 77);
  EXPECT_EQ(keys_.get("none").error().fault, base::Fault::not_found);
}

TEST_F(KeysTest, WhatCannotBeIsRefused) {
  const auto refused = [&](auto change) {
    NewKey key = key_named("k");
    change(key);
    const auto created = keys_.create(key, 100);
    return !created && created.error().fault == base::Fault::invalid;
  };
  EXPECT_TRUE(refused([](NewKey& key) { key.name = ""; }));
  EXPECT_TRUE(refused([](NewKey& key) { key.name = std::string(101, 'x'); }));
  EXPECT_TRUE(refused([](NewKey& key) { key.name = "a\x1b[2J"; }));
  EXPECT_TRUE(refused([](NewKey& key) { key.scopes = 0; }));
  EXPECT_TRUE(refused([](NewKey& key) { key.scopes = 8; }));
  EXPECT_TRUE(refused([](NewKey& key) { key.rate_per_minute = 0; }));
  EXPECT_TRUE(refused([](NewKey& key) { key.concurrency = -1; }));
  EXPECT_TRUE(refused([](NewKey& key) { key.expires_us = 100; }));
  EXPECT_EQ(keys_.list()->size(), 0U);
}

TEST_F(KeysTest, TheCommandLineMakesAndRevokesThemWhileAServerRuns) {
  const auto lock = lock_state_folder(folder_.descriptor(), folder_.path());
  ASSERT_TRUE(lock);
  const auto other = open_database(folder_, Database::Check::none);
  Keys command_line(*other);
  const auto created = command_line.create(key_named("k"), 1);
  ASSERT_TRUE(created);
  EXPECT_TRUE(keys_.authenticate(created->token, 2));
  ASSERT_TRUE(command_line.revoke(created->key.id, 3));
  EXPECT_FALSE(keys_.authenticate(created->token, 4));
}

}  // namespace
}  // namespace retort::store
