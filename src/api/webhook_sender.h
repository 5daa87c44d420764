// Webhook sender: POSTs to strangers' servers, on a thread of its own. The only place that includes
// libcurl.
//
// Only http and https, no redirect, no proxy, no cookie; certificates are verified. The address
// that is really connected decides (api/address_rules.h), whatever the name said before. What comes
// back is not looked at but for its status.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace retort::api {

struct WebhookCall {
  std::string url;  // as parse_webhook_url takes it
  std::string body;
  std::vector<std::string> headers;  // "Name: value"
  base::Duration timeout{};          // of all of it
  bool allows_internal = false;      // addresses of loopback and private networks
};

struct WebhookAnswer {
  enum class Kind : std::uint8_t {
    taken,    // 2xx
    failed,   // another time it may be taken: the network, 5xx, 429
    refused,  // it never will be
  };
  Kind kind = Kind::failed;
  std::string error;  // for its owner: nothing of this host
};

class WebhookSender {
 public:
  // Called once for each call, on the sender's thread; not for what is under way when it goes.
  using Done = std::move_only_function<void(WebhookAnswer)>;

  static base::Result<std::unique_ptr<WebhookSender>> create();
  WebhookSender(const WebhookSender&) = delete;
  WebhookSender& operator=(const WebhookSender&) = delete;
  ~WebhookSender();

  // Any thread. At once with all others: the caller bounds how many there are.
  void send(WebhookCall call, Done done);

  static constexpr std::size_t kMostAnswer = 64U << 10U;  // bytes that are read of an answer

 private:
  struct State;
  explicit WebhookSender(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace retort::api
