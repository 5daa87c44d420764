// retort key: API keys in a server's state folder, whether or not the server runs.
#include "cli/key.h"

#include <fcntl.h>

#include <cstdio>
#include <functional>
#include <memory>

#include "api/key_bounds.h"
#include "api/key_changes.h"
#include "api/key_form.h"
#include "api/storage.h"
#include "base/bytes.h"
#include "cli/commands.h"
#include "cli/state_owner.h"
#include "kernel/files.h"
#include "store/database.h"
#include "store/keys.h"
#include "store/state_folder.h"
#include "text/json.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;
namespace json = text::json;

namespace {

constexpr std::size_t kLargestBounds = 64U << 10U;

// As the server's user from here on.
Result<std::unique_ptr<store::Database>> open_state(const KeyOptions& options) {
  RETORT_TRY(const auto settings, settings_of(options.config));
  RETORT_CHECK(enter_state(settings));
  const std::string& path = settings.server.state;
  RETORT_TRY(const base::Fd folder, store::open_state_folder(path));
  return store::Database::open(path + "/" + api::kDatabaseName, store::Database::Check::none);
}

Result<std::string> bounds_of(const std::string& option) {
  std::string text = option;
  if (text.empty()) return std::string("{}");
  if (!text.starts_with('{')) {
    RETORT_TRY(text, kernel::read_small_file(AT_FDCWD, option, kLargestBounds));
  }
  const auto bounds = api::parse_key_bounds(text);
  if (!bounds) return bounds.error().within("--bounds");
  return api::bounds_json(*bounds);
}

Result<store::NewKey> key_of(const KeyOptions& options, std::int64_t now_us) {
  store::NewKey key;
  key.name = options.name;
  for (const std::string& name : options.scopes) {
    const auto scope = api::find_scope(name);
    if (!scope) {
      return Error{
          Fault::invalid,
          "--scope: '" + base::printable(name) + "' is no scope; there are run, read and manage",
          0};
    }
    key.scopes |= *scope;
  }
  RETORT_TRY(key.bounds_json, bounds_of(options.bounds));
  if (options.rate > 0) key.rate_per_minute = options.rate;
  if (options.parallel > 0) key.concurrency = options.parallel;
  if (!options.expires.empty()) {
    RETORT_TRY(const auto from_now, base::parse_duration(options.expires));
    key.expires_us = now_us + from_now.count();
  }
  return key;
}

Status create(const KeyOptions& options) {
  const std::int64_t now = api::utc_now_us();
  RETORT_TRY(const auto wanted, key_of(options, now));
  RETORT_TRY(const auto database, open_state(options));
  RETORT_TRY(const auto created,
             api::create_key(*database, wanted, {.actor = api::kOperator, .now_us = now}));
  if (options.json) {
    const json::value body =
        json::object{{"key", api::key_json(created.key)}, {"token", created.token}};
    std::puts(text::pretty(body).c_str());
    return {};
  }
  std::puts(created.token.c_str());
  std::fputs("retort: this is the only time that the key is shown\n", stderr);
  return {};
}

Status list(const KeyOptions& options) {
  RETORT_TRY(const auto database, open_state(options));
  store::Keys keys(*database);
  RETORT_TRY(const auto all, keys.list());
  if (options.json) {
    json::array array;
    for (const store::Key& key : all) array.push_back(api::key_json(key));
    std::puts(text::pretty(json::value(json::object{{"keys", array}})).c_str());
    return {};
  }
  std::printf("%-14s %-8s %-16s %s\n", "id", "state", "scopes", "name");
  const std::int64_t now = api::utc_now_us();
  for (const store::Key& key : all) {
    std::string scopes;
    for (const std::uint32_t scope :
         {store::scope::kRun, store::scope::kRead, store::scope::kManage}) {
      if ((key.scopes & scope) == 0) continue;
      if (!scopes.empty()) scopes += ",";
      scopes += api::scope_name(scope);
    }
    const bool has_expired = key.expires_us && *key.expires_us <= now;
    const char* const state = key.revoked_us ? "revoked" : has_expired ? "expired" : "valid";
    std::printf("%-14s %-8s %-16s %s\n",
                key.id.c_str(),
                state,
                scopes.c_str(),
                base::printable(key.name).c_str());
  }
  return {};
}

Status revoke(const KeyOptions& options) {
  RETORT_TRY(const auto database, open_state(options));
  RETORT_TRY(const bool is_news,
             api::revoke_key(
                 *database, options.id, {.actor = api::kOperator, .now_us = api::utc_now_us()}));
  if (is_news) return {};
  std::fprintf(stderr, "retort: %s was revoked before\n", base::printable(options.id).c_str());
  return {};
}

int report(const Status& done) {
  if (done) return 0;
  const Fault fault = done.error().fault;
  return complain(done.error(),
                  fault == Fault::invalid || fault == Fault::not_found ? kUsage : kFailed);
}

}  // namespace

int key_create(const KeyOptions& options) {
  return report(create(options));
}

int key_ls(const KeyOptions& options) {
  return report(list(options));
}

int key_revoke(const KeyOptions& options) {
  return report(revoke(options));
}

}  // namespace retort::cli
