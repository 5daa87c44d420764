// HTTP client: libcurl's multi interface, so that it can be waited for beside another descriptor.
#include "cli/http_client.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <curl/curl.h>

#include "base/bytes.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr long kConnectSeconds = 15;

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct FreeText {
  void operator()(char* text) const { curl_free(text); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

// Nothing when the URL has no such part.
std::optional<std::string> part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return std::nullopt;
  const std::unique_ptr<char, FreeText> owned(text);
  return std::string(text);
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

// One request under way, as libcurl's callbacks see it.
struct Exchange {
  const HttpRequest& request;
  HttpAnswer answer;
  std::uint64_t sent = 0;
};

std::size_t on_answer(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& body = static_cast<Exchange*>(self)->answer.body;
  if (size * count > kLargestAnswer - body.size()) return 0;  // an error: CURLE_WRITE_ERROR
  body.append(bytes, size * count);
  return size * count;
}

std::size_t on_upload(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& exchange = *static_cast<Exchange*>(self);
  const HttpRequest& request = exchange.request;
  const std::uint64_t left = request.size - exchange.sent;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, size * count));
  const ssize_t got = ::pread(
      request.file->get(), bytes, wanted, static_cast<off_t>(request.begin + exchange.sent));
  // A file that has become shorter: what was announced cannot be sent.
  if (got < 0 || (got == 0 && wanted != 0)) return CURL_READFUNC_ABORT;
  exchange.sent += static_cast<std::uint64_t>(got);
  return static_cast<std::size_t>(got);
}

// From the start once more, where a kept connection turns out to be closed.
int on_seek(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Exchange*>(self)->sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

}  // namespace

struct HttpClient::Handles {
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  std::string authorization;
  std::array<char, CURL_ERROR_SIZE> reason{};
  CURLcode refused = CURLE_OK;  // the first option that libcurl did not take

  Handles() = default;
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  ~Handles() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    if (multi != nullptr) curl_multi_cleanup(multi);
  }

  template <typename Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy, option, value);
    if (refused == CURLE_OK) refused = code;
  }
  void set_server(const ServerAddress& server);
  void set_request(const ServerAddress& server, Exchange& exchange, List& headers);
};

void HttpClient::Handles::set_server(const ServerAddress& server) {
  curl_easy_reset(easy);
  reason = {};
  set(CURLOPT_ERRORBUFFER, reason.data());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_USERAGENT, "retort/" RETORT_VERSION);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  // A server that vanished without a word is noticed, however long a job takes.
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  if (server.unix_socket.empty()) return;
  set(CURLOPT_UNIX_SOCKET_PATH, server.unix_socket.c_str());
  set(CURLOPT_PROXY, "");
}

void HttpClient::Handles::set_request(const ServerAddress& server,
                                      Exchange& exchange,
                                      List& headers) {
  const HttpRequest& request = exchange.request;
  const auto add = [&](const std::string& line) {
    // The same list, once it has an element; without memory none, and the old one stays.
    curl_slist* const old = headers.release();
    curl_slist* const longer = curl_slist_append(old, line.c_str());
    headers.reset(longer != nullptr ? longer : old);
    if (longer == nullptr) refused = CURLE_OUT_OF_MEMORY;
  };
  if (!authorization.empty()) add(authorization);
  if (!request.content_type.empty()) add("Content-Type: " + request.content_type);
  set(CURLOPT_URL, (server.url + request.path).c_str());
  set(CURLOPT_WRITEFUNCTION, &on_answer);
  set(CURLOPT_WRITEDATA, &exchange);
  const std::string_view method = request.method;
  if (method == "HEAD") set(CURLOPT_NOBODY, 1L);
  if (method == "POST") {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  if (method == "PUT") {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &on_upload);
    set(CURLOPT_READDATA, &exchange);
    set(CURLOPT_SEEKFUNCTION, &on_seek);
    set(CURLOPT_SEEKDATA, &exchange);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.size));
  }
  set(CURLOPT_HTTPHEADER, headers.get());
}

Result<ServerAddress> parse_server(std::string_view text) {
  const auto refuse = [&](const std::string& why) {
    return Error{Fault::invalid,
                 "server '" + base::printable(text) + "': " + why +
                     "; write http://HOST:PORT, https://HOST or unix:/PATH",
                 0};
  };
  ServerAddress server{.text = base::printable(text), .url = {}, .unix_socket = {}};
  if (text.starts_with("unix:")) {
    server.unix_socket = text.substr(5);
    if (!server.unix_socket.starts_with('/')) return refuse("the path must begin with /");
    server.url = "http://localhost";
    server.is_private = true;
    return server;
  }
  const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), 0) != CURLUE_OK)
    return refuse("is no URL");
  const auto scheme = part_of(url.get(), CURLUPART_SCHEME).value_or("");
  if (scheme != "http" && scheme != "https") return refuse("is neither http nor https");
  if (part_of(url.get(), CURLUPART_USER) || part_of(url.get(), CURLUPART_PASSWORD)) {
    // Not shown again.
    return Error{Fault::invalid,
                 "the server's URL holds a user or password; a key goes into $RETORT_KEY or the "
                 "key file",
                 0};
  }
  if (part_of(url.get(), CURLUPART_QUERY) || part_of(url.get(), CURLUPART_FRAGMENT))
    return refuse("has a query or a fragment");
  server.url = part_of(url.get(), CURLUPART_URL).value_or("");
  while (server.url.ends_with('/')) server.url.pop_back();
  server.is_private =
      scheme == "https" || is_loopback(part_of(url.get(), CURLUPART_HOST).value_or(""));
  return server;
}

HttpClient::HttpClient(ServerAddress server, int interrupt)
    : server_(std::move(server)), interrupt_(interrupt), handles_(std::make_unique<Handles>()) {}

HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::create(ServerAddress server,
                                                       const std::string& key,
                                                       int interrupt) {
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<HttpClient> client(new HttpClient(std::move(server), interrupt));
  client->handles_->multi = curl_multi_init();
  client->handles_->easy = curl_easy_init();
  if (kStarted != CURLE_OK || client->handles_->multi == nullptr ||
      client->handles_->easy == nullptr)
    return Error{Fault::exhausted, "libcurl does not start", 0};
  if (!key.empty()) client->handles_->authorization = "Authorization: Bearer " + key;
  return client;
}

Result<HttpAnswer> HttpClient::send(const HttpRequest& request) {
  Exchange exchange{.request = request, .answer = {}};
  List headers;
  handles_->set_server(server_);
  handles_->set_request(server_, exchange, headers);
  if (handles_->refused != CURLE_OK)
    return Error{
        Fault::unsupported, std::string("libcurl: ") + curl_easy_strerror(handles_->refused), 0};
  if (curl_multi_add_handle(handles_->multi, handles_->easy) != CURLM_OK)
    return Error{Fault::exhausted, "libcurl takes no request", 0};
  const Status done = perform();
  if (done) {
    const char* text = nullptr;
    (void)curl_easy_getinfo(handles_->easy, CURLINFO_RESPONSE_CODE, &exchange.answer.status);
    if (curl_easy_getinfo(handles_->easy, CURLINFO_CONTENT_TYPE, &text) == CURLE_OK && text)
      exchange.answer.content_type = text;
    if (curl_easy_getinfo(handles_->easy, CURLINFO_REDIRECT_URL, &text) == CURLE_OK && text)
      exchange.answer.location = text;
  }
  // A request that is not over takes its connection with it.
  (void)curl_multi_remove_handle(handles_->multi, handles_->easy);
  if (!done) return done.error();
  return std::move(exchange.answer);
}

Status HttpClient::perform() {
  constexpr int kMilliseconds = 1000;  // libcurl's own timers want to be looked at
  for (int running = 1;;) {
    CURLMcode code = curl_multi_perform(handles_->multi, &running);
    if (running == 0) break;
    curl_waitfd other{.fd = interrupt_, .events = CURL_WAIT_POLLIN, .revents = 0};
    const unsigned others = interrupt_ < 0 ? 0 : 1;
    if (code == CURLM_OK)
      code = curl_multi_poll(handles_->multi, &other, others, kMilliseconds, nullptr);
    if (code != CURLM_OK)
      return Error{Fault::internal, std::string("libcurl: ") + curl_multi_strerror(code), 0};
    if (other.revents != 0) return Error{Fault::gone, "interrupted", 0};
  }
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(handles_->multi, &left);
  if (message == nullptr || message->msg != CURLMSG_DONE)
    return Error{Fault::internal, "libcurl: no end of a request", 0};
  const CURLcode code = message->data.result;
  if (code == CURLE_OK) return {};
  std::string why =
      handles_->reason.front() != '\0' ? handles_->reason.data() : curl_easy_strerror(code);
  if (code == CURLE_WRITE_ERROR) why = "the answer is too large";
  if (code == CURLE_ABORTED_BY_CALLBACK) why = "the input has become shorter meanwhile";
  return Error{Fault::internal, server_.text + ": " + why, 0};
}

}  // namespace retort::cli
