// Webhook delivery: tells those who asked for it of results, again and again until they took it or
// the attempts are over. Which are due is in the database, so that a restart forgets none.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "api/log.h"
#include "api/metrics.h"
#include "api/secret.h"
#include "api/settings.h"
#include "api/storage.h"
#include "api/webhook_sender.h"
#include "async/event.h"
#include "async/task.h"
#include "base/error.h"
#include "store/webhooks.h"

namespace retort::api {

// "t=SECONDS,v1=HEX": HMAC-SHA-256 over "SECONDS.BODY", so that neither can be changed, and an old
// call not be sent once more.
std::string webhook_signature(const Secret& secret,
                              std::int64_t unix_seconds,
                              const std::string& body);

// Of the attempt that follows `failed` of them, from 1: four times as long each time, at most an
// hour; `chance` from 0 to 1 takes away up to a half, so that many do not come back at once.
base::Duration webhook_pause(std::uint64_t failed, double chance);

// The secret in a file that nobody else can read. Fault::denied, Fault::invalid.
base::Result<Secret> read_webhook_secret(const std::string& path);

// One thread, but for what it gives to the sender.
class WebhookDelivery {
 public:
  struct Parts {
    async::Executor executor;
    Storage& storage;
    Metrics& metrics;
    Log& log;
  };

  // All of it outlives this.
  explicit WebhookDelivery(const Parts& parts);
  WebhookDelivery(const WebhookDelivery&) = delete;
  WebhookDelivery& operator=(const WebhookDelivery&) = delete;
  ~WebhookDelivery();

  // Nothing is called while `settings.enabled` is false; what is due waits, and is given up by
  // JobRunner when its job's result has had its time. Errors: the secret cannot be had.
  base::Status start(const Settings::Webhooks& settings);
  // For calls that begin. The secret is read again; where it cannot be, the one that there was
  // stays, and that is logged.
  void use(const Settings::Webhooks& settings);
  // Never without a secret: whom we call cannot tell an unsigned call from anybody's.
  [[nodiscard]] bool is_calling() const { return settings_.enabled && !secret_.empty(); }
  // A result was stored.
  void wake();

 private:
  base::Status read_secret();
  async::Task<> deliver();
  async::Task<base::Duration> begin_due();
  async::Task<> call(store::DueWebhook webhook);
  async::Task<> send(store::DueWebhook webhook);
  async::Task<> record(store::DueWebhook webhook, WebhookAnswer answer);

  Parts parts_;
  Settings::Webhooks settings_;
  Secret secret_;
  std::unique_ptr<WebhookSender> sender_;
  std::set<std::string> under_way_;  // ids of jobs
  async::Event changed_;
};

}  // namespace retort::api
