// Webhook sender: curl's multi interface, driven by one thread.
#include "api/webhook_sender.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <curl/curl.h>

#include "api/address_rules.h"

namespace retort::api {

using base::Error;
using base::Fault;
using base::Result;

namespace {

constexpr int kLongestPoll = 60'000;  // milliseconds; whoever sends wakes it

struct EndEasy {
  void operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
};
struct EndMulti {
  void operator()(CURLM* multi) const { ::curl_multi_cleanup(multi); }
};
struct EndList {
  void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};

// One call under way.
struct Transfer {
  WebhookCall call;
  WebhookSender::Done done;
  std::unique_ptr<CURL, EndEasy> easy;
  std::unique_ptr<curl_slist, EndList> headers;
  std::size_t received = 0;
  bool has_refused_address = false;
  bool has_allowed_address = false;
};

// Called for each address that is about to be connected.
curl_socket_t open_socket(void* transfer, curlsocktype /*purpose*/, curl_sockaddr* address) {
  auto& own = *static_cast<Transfer*>(transfer);
  const AddressKind kind = kind_of(address->addr, static_cast<socklen_t>(address->addrlen));
  const bool is_allowed =
      kind == AddressKind::global || (kind == AddressKind::internal && own.call.allows_internal);
  if (!is_allowed) {
    own.has_refused_address = true;
    return CURL_SOCKET_BAD;
  }
  own.has_allowed_address = true;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Not kept; one that goes on for too long is cut.
std::size_t drop_bytes(char* /*bytes*/, std::size_t size, std::size_t count, void* transfer) {
  auto& own = *static_cast<Transfer*>(transfer);
  own.received += size * count;
  return own.received > WebhookSender::kMostAnswer ? 0 : size * count;
}

template <typename Value>
bool set(CURL* easy, CURLoption option, Value value) {
  return ::curl_easy_setopt(easy, option, value) == CURLE_OK;
}

// False: this libcurl cannot do one of these, all of which are needed.
bool prepare(Transfer& transfer) {
  transfer.easy.reset(::curl_easy_init());
  CURL* const easy = transfer.easy.get();
  if (easy == nullptr) return false;
  for (const std::string& header : transfer.call.headers) {
    curl_slist* const longer = ::curl_slist_append(transfer.headers.get(), header.c_str());
    if (longer == nullptr) return false;
    // The same list, unless it was empty.
    if (longer != transfer.headers.get()) transfer.headers.reset(longer);
  }
  const WebhookCall& call = transfer.call;
  const auto milliseconds =
      static_cast<long>(std::max<base::Duration::rep>(1, call.timeout.count() / 1000));
  return set(easy, CURLOPT_URL, call.url.c_str()) &&
         set(easy, CURLOPT_PROTOCOLS_STR, "http,https") && set(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
         set(easy, CURLOPT_PROXY, "") && set(easy, CURLOPT_NETRC, long{CURL_NETRC_IGNORED}) &&
         set(easy, CURLOPT_POST, 1L) && set(easy, CURLOPT_POSTFIELDS, call.body.data()) &&
         set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size())) &&
         set(easy, CURLOPT_HTTPHEADER, transfer.headers.get()) &&
         set(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1}) &&
         set(easy, CURLOPT_TIMEOUT_MS, milliseconds) &&
         set(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds) && set(easy, CURLOPT_NOSIGNAL, 1L) &&
         // A name that takes long to resolve does not hold up the thread when time is over.
         set(easy, CURLOPT_QUICK_EXIT, 1L) &&
         // Each is judged by the connection that it makes.
         set(easy, CURLOPT_FRESH_CONNECT, 1L) && set(easy, CURLOPT_FORBID_REUSE, 1L) &&
         set(easy, CURLOPT_OPENSOCKETFUNCTION, &open_socket) &&
         set(easy, CURLOPT_OPENSOCKETDATA, &transfer) &&
         set(easy, CURLOPT_WRITEFUNCTION, &drop_bytes) && set(easy, CURLOPT_WRITEDATA, &transfer) &&
         set(easy, CURLOPT_PRIVATE, &transfer);
}

WebhookAnswer answer_of(const Transfer& transfer, CURLcode code) {
  using Kind = WebhookAnswer::Kind;
  long status = 0;
  (void)::curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  // An answer that was cut because it was long was an answer.
  const bool is_cut = code == CURLE_WRITE_ERROR && transfer.received > WebhookSender::kMostAnswer;
  if (code == CURLE_OK || is_cut) {
    if (status >= 200 && status < 300) return {.kind = Kind::taken, .error = {}};
    const bool is_passing = status >= 500 || status == 429;
    return {.kind = is_passing ? Kind::failed : Kind::refused,
            .error = "it answered with status " + std::to_string(status)};
  }
  if (transfer.has_refused_address && !transfer.has_allowed_address) {
    return {.kind = Kind::refused, .error = "its address is one that this server does not call"};
  }
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {.kind = Kind::failed, .error = "the name of its host was not resolved"};
    case CURLE_COULDNT_CONNECT:
      return {.kind = Kind::failed, .error = "it could not be connected"};
    case CURLE_OPERATION_TIMEDOUT:
      return {.kind = Kind::failed, .error = "it did not answer in time"};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
      return {.kind = Kind::failed, .error = "its certificate or TLS is not valid"};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return {.kind = Kind::refused, .error = "its URL cannot be called"};
    default:
      return {.kind = Kind::failed, .error = "the connection broke"};
  }
}

}  // namespace

struct WebhookSender::State {
  std::unique_ptr<CURLM, EndMulti> multi;
  std::mutex mutex;
  std::vector<std::unique_ptr<Transfer>> given;  // not begun yet
  bool is_ending = false;
  std::thread thread;

  // The thread's own.
  std::map<CURL*, std::unique_ptr<Transfer>> transfers;

  void work() {
    while (true) {
      std::vector<std::unique_ptr<Transfer>> fresh;
      {
        const std::scoped_lock lock(mutex);
        if (is_ending) break;
        fresh = std::exchange(given, {});
      }
      for (auto& transfer : fresh) begin(std::move(transfer));
      int running = 0;
      (void)::curl_multi_perform(multi.get(), &running);
      int left = 0;
      while (const CURLMsg* const message = ::curl_multi_info_read(multi.get(), &left)) {
        if (message->msg == CURLMSG_DONE) end(message->easy_handle, message->data.result);
      }
      (void)::curl_multi_poll(multi.get(), nullptr, 0, kLongestPoll, nullptr);
    }
    for (const auto& [easy, transfer] : transfers) {
      (void)::curl_multi_remove_handle(multi.get(), easy);
    }
    transfers.clear();
  }

  void begin(std::unique_ptr<Transfer> transfer) {
    if (!prepare(*transfer) ||
        ::curl_multi_add_handle(multi.get(), transfer->easy.get()) != CURLM_OK) {
      return transfer->done({.error = "it could not be called"});
    }
    CURL* const easy = transfer->easy.get();
    transfers.emplace(easy, std::move(transfer));
  }

  void end(CURL* easy, CURLcode code) {
    (void)::curl_multi_remove_handle(multi.get(), easy);
    const auto found = transfers.find(easy);
    if (found == transfers.end()) return;
    const auto transfer = std::move(found->second);
    transfers.erase(found);
    transfer->done(answer_of(*transfer, code));
  }
};

WebhookSender::WebhookSender(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([state = state_.get()] { state->work(); });
}

Result<std::unique_ptr<WebhookSender>> WebhookSender::create() {
  static const CURLcode kStarted = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  auto state = std::make_unique<State>();
  if (kStarted == CURLE_OK) state->multi.reset(::curl_multi_init());
  if (!state->multi) return Error{Fault::internal, "libcurl cannot be started", 0};
  return std::unique_ptr<WebhookSender>(new WebhookSender(std::move(state)));
}

WebhookSender::~WebhookSender() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->is_ending = true;
  }
  (void)::curl_multi_wakeup(state_->multi.get());
  state_->thread.join();
}

void WebhookSender::send(WebhookCall call, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->call = std::move(call);
  transfer->done = std::move(done);
  {
    const std::scoped_lock lock(state_->mutex);
    state_->given.push_back(std::move(transfer));
  }
  (void)::curl_multi_wakeup(state_->multi.get());
}

}  // namespace retort::api
