// HTTP client: libcurl's multi interface, so that it can be waited for beside another descriptor.
#include "cli/http_client.h"

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

std::size_t on_answer(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& body = static_cast<HttpAnswer*>(self)->body;
  if (size * count > kLargestAnswer - body.size()) return 0;  // an error: CURLE_WRITE_ERROR
  body.append(bytes, size * count);
  return size * count;
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

  Status open();

  template <typename Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy, option, value);
    if (refused == CURLE_OK) refused = code;
  }
  void set_server(const ServerAddress& server);
};

Status HttpClient::Handles::open() {
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);
  multi = curl_multi_init();
  easy = curl_easy_init();
  if (kStarted == CURLE_OK && multi != nullptr && easy != nullptr) return {};
  return Error{Fault::exhausted, "libcurl does not start", 0};
}

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

Result<ServerAddress> parse_server(std::string_view text) {
  const auto refuse = [&](const std::string& why) {
    return Error{Fault::invalid,
                 "server '" + base::printable(text) + "': " + why +
                     "; write http://HOST:PORT, https://HOST or unix:/PATH",
                 0};
  };
  ServerAddress server;
  server.text = base::printable(text);
  if (text.starts_with("unix:")) {
    server.unix_socket = text.substr(5);
    if (!server.unix_socket.starts_with('/')) return refuse("the path must begin with /");
    server.url = "http://localhost";
    server.host = "localhost";
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
  server.host = part_of(url.get(), CURLUPART_HOST).value_or("");
  if (const auto port = part_of(url.get(), CURLUPART_PORT)) server.host += ":" + *port;
  server.path = part_of(url.get(), CURLUPART_PATH).value_or("");
  for (std::string* part : {&server.url, &server.path})
    while (part->ends_with('/')) part->pop_back();
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
  std::unique_ptr<HttpClient> client(new HttpClient(std::move(server), interrupt));
  RETORT_CHECK(client->handles_->open());
  if (!key.empty()) client->handles_->authorization = "Bearer " + key;
  return client;
}

// What libcurl has connected, and nothing else of it.
class HttpClient::Connection final : public http::Transport {
 public:
  Connection(std::unique_ptr<Handles> handles, int descriptor)
      : handles_(std::move(handles)), descriptor_(descriptor) {}

  [[nodiscard]] int descriptor() const override { return descriptor_; }
  Result<std::optional<std::size_t>> receive(char* room, std::size_t size) override {
    std::size_t count = 0;
    return outcome(curl_easy_recv(handles_->easy, room, size, &count), count);
  }
  Result<std::optional<std::size_t>> send(const char* bytes, std::size_t size) override {
    std::size_t count = 0;
    return outcome(curl_easy_send(handles_->easy, bytes, size, &count), count);
  }

 private:
  static Result<std::optional<std::size_t>> outcome(CURLcode code, std::size_t count) {
    if (code == CURLE_OK) return std::optional(count);
    if (code == CURLE_AGAIN) return std::optional<std::size_t>();
    return Error{Fault::gone, curl_easy_strerror(code), 0};
  }

  std::unique_ptr<Handles> handles_;
  int descriptor_;
};

Result<std::unique_ptr<http::Transport>> HttpClient::connect() {
  auto handles = std::make_unique<Handles>();
  RETORT_CHECK(handles->open());
  handles->set_server(server_);
  handles->set(CURLOPT_URL, server_.url.c_str());
  handles->set(CURLOPT_CONNECT_ONLY, 1L);
  // What goes over it is HTTP/1.1, also where the server would rather have HTTP/2.
  handles->set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  handles->set(CURLOPT_HTTPPROXYTUNNEL, 1L);
  RETORT_CHECK(perform(*handles));
  curl_socket_t number = CURL_SOCKET_BAD;
  if (curl_easy_getinfo(handles->easy, CURLINFO_ACTIVESOCKET, &number) != CURLE_OK || number < 0)
    return Error{Fault::internal, "libcurl: a connection without a socket", 0};
  return std::make_unique<Connection>(std::move(handles), number);
}

std::string HttpClient::authorization() const {
  return handles_->authorization;
}

Result<HttpAnswer> HttpClient::get(const std::string& path) {
  HttpAnswer answer;
  Handles& handles = *handles_;
  handles.set_server(server_);
  const List headers(
      handles.authorization.empty()
          ? nullptr
          : curl_slist_append(nullptr, ("Authorization: " + handles.authorization).c_str()));
  if (!headers && !handles.authorization.empty()) handles.refused = CURLE_OUT_OF_MEMORY;
  handles.set(CURLOPT_HTTPHEADER, headers.get());
  handles.set(CURLOPT_URL, (server_.url + path).c_str());
  handles.set(CURLOPT_WRITEFUNCTION, &on_answer);
  handles.set(CURLOPT_WRITEDATA, &answer);
  const Status done = perform(handles);
  if (done) {
    const char* text = nullptr;
    (void)curl_easy_getinfo(handles.easy, CURLINFO_RESPONSE_CODE, &answer.status);
    if (curl_easy_getinfo(handles.easy, CURLINFO_CONTENT_TYPE, &text) == CURLE_OK && text)
      answer.content_type = text;
    if (curl_easy_getinfo(handles.easy, CURLINFO_REDIRECT_URL, &text) == CURLE_OK && text)
      answer.location = text;
  }
  // A request that is not over takes its connection with it.
  (void)curl_multi_remove_handle(handles.multi, handles.easy);
  if (!done) return done.error();
  return answer;
}

// The handle stays in the list of those under way.
Status HttpClient::perform(Handles& handles) const {
  constexpr int kMilliseconds = 1000;  // libcurl's own timers want to be looked at
  if (handles.refused != CURLE_OK)
    return Error{
        Fault::unsupported, std::string("libcurl: ") + curl_easy_strerror(handles.refused), 0};
  if (curl_multi_add_handle(handles.multi, handles.easy) != CURLM_OK)
    return Error{Fault::exhausted, "libcurl takes no request", 0};
  for (int running = 1;;) {
    CURLMcode code = curl_multi_perform(handles.multi, &running);
    if (running == 0) break;
    curl_waitfd other{.fd = interrupt_, .events = CURL_WAIT_POLLIN, .revents = 0};
    const unsigned others = interrupt_ < 0 ? 0 : 1;
    if (code == CURLM_OK)
      code = curl_multi_poll(handles.multi, &other, others, kMilliseconds, nullptr);
    if (code != CURLM_OK)
      return Error{Fault::internal, std::string("libcurl: ") + curl_multi_strerror(code), 0};
    if (other.revents != 0) return Error{Fault::gone, "interrupted", 0};
  }
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(handles.multi, &left);
  if (message == nullptr || message->msg != CURLMSG_DONE)
    return Error{Fault::internal, "libcurl: no end of a request", 0};
  const CURLcode code = message->data.result;
  if (code == CURLE_OK) return {};
  std::string why =
      handles.reason.front() != '\0' ? handles.reason.data() : curl_easy_strerror(code);
  if (code == CURLE_WRITE_ERROR) why = "the answer is too large";
  return Error{Fault::internal, server_.text + ": " + why, 0};
}

}  // namespace retort::cli
