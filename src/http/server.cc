// Server: accepts, counts, and turns away.
#include "http/server.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cstdio>
#include <new>
#include <unordered_map>
#include <unordered_set>

#include "async/deadline.h"
#include "async/gate.h"
#include "http/listener.h"
#include "http/session.h"

namespace retort::http {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kMostTurnedAway = 64;  // that are waited for until they have read why
constexpr auto kTurningAway = std::chrono::seconds(1);
constexpr int kAcceptsPerTurn = 16;
constexpr auto kPauseOfAccepting = std::chrono::milliseconds(50);
constexpr auto kLastWords = std::chrono::seconds(2);  // for handlers whose connection was cut

Fd open_reserve() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// Everything that connections and accept loops use; they may outlive the Server.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(asio::io_context& context, Options options, Handler handler)
      : context_(context), shared_(std::make_shared<Shared>()), gate_(context.get_executor()) {
    shared_->options = std::move(options);
    shared_->handler = std::move(handler);
    Response response = problem(
        503, "too_many_connections", "this server has as many connections as it takes; try again");
    turned_away_ = "HTTP/1.1 503 " + std::string(reason_phrase(503)) +
                   "\r\nContent-Type: " + response.content_type +
                   "\r\nContent-Length: " + std::to_string(response.body.size()) +
                   "\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" + response.body;
    reserve_ = open_reserve();
  }

  void add(std::unique_ptr<Listener> made) {
    std::shared_ptr<Listener> listener = std::move(made);
    listeners_.push_back(listener);
    async::spawn(context_.get_executor(), accept_loop(shared_from_this(), listener));
  }

  [[nodiscard]] std::vector<std::string> addresses() const {
    std::vector<std::string> addresses;
    for (const auto& listener : listeners_)
      if (listener->is_open()) addresses.push_back(listener->address());
    return addresses;
  }

  void stop_accepting() {
    for (const auto& listener : listeners_) listener->close();
  }

  void cut_all() {
    // What a connection's end calls may end others.
    std::vector<std::shared_ptr<Session>> sessions;
    for (Session* session : sessions_) sessions.push_back(session->shared_from_this());
    for (const auto& session : sessions) session->cut();
  }

  static Task<> drain(std::shared_ptr<Core> core, base::Duration limit) {
    core->stop_accepting();
    core->shared_->is_draining = true;
    for (Session* session : core->sessions_) session->drain();
    Task<> close = core->gate_.close();
    const Status closed = co_await async::within(limit, std::move(close));
    if (closed) co_return;
    core->cut_all();
    Task<> close_again = core->gate_.close();
    (void)co_await async::within(kLastWords, std::move(close_again));
  }

  [[nodiscard]] Statistics statistics() const {
    Statistics statistics = shared_->statistics;
    statistics.open = sessions_.size();
    return statistics;
  }

 private:
  static Task<> accept_loop(std::shared_ptr<Core> core, std::shared_ptr<Listener> listener) {
    while (listener->is_open()) {
      const bool is_waited_for = co_await listener->wait();
      if (!is_waited_for) continue;
      for (int count = 0; count < kAcceptsPerTurn && listener->is_open(); ++count) {
        auto accepted = listener->accept();
        if (!accepted) {
          core->lack(*listener, accepted.error());
          co_await async::sleep_for(kPauseOfAccepting);
          break;
        }
        if (!*accepted) break;
        if (!core->try_to_take(**std::move(accepted))) {
          co_await async::sleep_for(kPauseOfAccepting);
          break;
        }
      }
    }
  }

  // No descriptor or no memory: the reserve is given for one connection, so that who waits longest
  // is told, and the queue does not only grow.
  void lack(Listener& listener, const Error& error) {
    if (!is_lacking_) shared_->options.log(error.what + "; new connections are turned away");
    is_lacking_ = true;
    reserve_.reset();
    if (auto accepted = listener.accept(); accepted && *accepted) {
      ++shared_->statistics.refused_descriptors;
      say_why((*accepted)->socket);
    }
    reserve_ = open_reserve();
  }

  void say_why(const Fd& socket) const {
    (void)::send(
        socket.get(), turned_away_.data(), turned_away_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::shutdown(socket.get(), SHUT_WR);
  }

  // Whoever comes next may find memory again: listening must not end with one connection.
  bool try_to_take(Listener::Accepted accepted) {
    try {
      take(std::move(accepted));
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  void take(Listener::Accepted accepted) {
    Statistics& statistics = shared_->statistics;
    const Options& options = shared_->options;
    ++statistics.accepted;
    is_lacking_ = false;
    if (sessions_.size() >= options.connections) {
      ++statistics.refused_full;
      return turn_away(std::move(accepted));
    }
    if (!accepted.address.empty()) {
      std::size_t& count = per_address_[accepted.address];
      if (count >= options.connections_per_address) {
        ++statistics.refused_per_address;
        return turn_away(std::move(accepted));
      }
      ++count;
    }
    auto wire = make_wire(accepted, options.header_bytes.bytes());
    auto pass = gate_.enter();
    if (!wire || !pass) return leave(accepted.address);
    auto session = std::make_shared<Session>(shared_, std::move(wire), std::move(accepted.peer));
    sessions_.insert(session.get());
    async::spawn(
        context_.get_executor(),
        serve(
            shared_from_this(), std::move(session), std::move(accepted.address), *std::move(pass)));
  }

  std::shared_ptr<Wire> make_wire(Listener::Accepted& accepted, std::size_t buffer) {
    Socket socket(context_);
    boost::system::error_code code;
    (void)socket.assign(
        asio::generic::stream_protocol(accepted.family, 0), accepted.socket.get(), code);
    if (code) return nullptr;
    (void)accepted.socket.release();
    (void)socket.native_non_blocking(true, code);
    return std::make_shared<Wire>(std::move(socket), buffer);
  }

  static Task<> serve(std::shared_ptr<Core> core,
                      std::shared_ptr<Session> session,
                      std::string address,
                      async::Gate::Pass pass) {
    const async::Gate::Pass inside = std::move(pass);
    // Also when the task is destroyed in the midst of a wait.
    struct Leaving {
      Core& core;
      Session* session;
      const std::string& address;
      ~Leaving() {
        core.sessions_.erase(session);
        core.leave(address);
      }
    };
    const Leaving leaving{.core = *core, .session = session.get(), .address = address};
    co_await session->run();
  }

  void leave(const std::string& address) {
    const auto found = per_address_.find(address);
    if (found != per_address_.end() && --found->second == 0) per_address_.erase(found);
  }

  void turn_away(Listener::Accepted accepted) {
    say_why(accepted.socket);
    if (being_turned_away_ >= kMostTurnedAway) return;
    auto wire = make_wire(accepted, 512);
    if (!wire) return;
    ++being_turned_away_;
    async::spawn(context_.get_executor(), read_until_gone(shared_from_this(), std::move(wire)));
  }

  // Closing with bytes unread would reset the connection, and the client might not see why.
  static Task<> read_until_gone(std::shared_ptr<Core> core, std::shared_ptr<Wire> wire) {
    const auto until = Clock::now() + kTurningAway;
    while (Clock::now() < until) {
      wire->consume(wire->buffered().size());
      const Status filled = co_await wire->fill(until);
      if (!filled) break;
    }
    --core->being_turned_away_;
  }

  asio::io_context& context_;
  std::shared_ptr<Shared> shared_;
  async::Gate gate_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::unordered_set<Session*> sessions_;
  std::unordered_map<std::string, std::size_t> per_address_;
  std::size_t being_turned_away_ = 0;
  bool is_lacking_ = false;
  std::string turned_away_;
  Fd reserve_;
};

class AsioServer final : public Server {
 public:
  AsioServer(asio::io_context& context, Options options, Handler handler)
      : context_(context),
        core_(std::make_shared<Core>(context, std::move(options), std::move(handler))) {}
  ~AsioServer() override {
    core_->stop_accepting();
    core_->cut_all();
  }

  Status listen_tcp(std::string_view address) override {
    RETORT_TRY(auto listener, Listener::on_tcp(context_, address));
    core_->add(std::move(listener));
    return {};
  }
  Status listen_unix(const std::string& path, mode_t mode) override {
    RETORT_TRY(auto listener, Listener::on_unix(context_, path, mode));
    core_->add(std::move(listener));
    return {};
  }
  Status adopt(Fd listening) override {
    RETORT_TRY(auto listener, Listener::on(context_, std::move(listening)));
    core_->add(std::move(listener));
    return {};
  }
  [[nodiscard]] std::vector<std::string> addresses() const override { return core_->addresses(); }
  void stop_accepting() override { core_->stop_accepting(); }
  Task<> drain(base::Duration limit) override { return Core::drain(core_, limit); }
  [[nodiscard]] Statistics statistics() const override { return core_->statistics(); }

 private:
  asio::io_context& context_;
  std::shared_ptr<Core> core_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::create(asio::io_context& context,
                                               Options options,
                                               Handler handler) {
  const auto refuse = [](std::string_view what) {
    return Error{Fault::invalid, "HTTP options: " + std::string(what), 0};
  };
  if (!handler) return refuse("there is no handler");
  if (options.header_bytes.bytes() < 1024 || options.header_bytes.bytes() > (1U << 20U))
    return refuse("header_bytes is between 1 KiB and 1 MiB");
  if (options.header_count == 0 || options.requests_per_connection == 0 ||
      options.connections == 0 || options.connections_per_address == 0 ||
      options.least_rate.bytes() == 0)
    return refuse("a limit is 0");
  if (!options.log)
    options.log = [](const std::string& line) {
      std::fprintf(stderr, "retort: %s\n", line.c_str());
    };
  return std::make_unique<AsioServer>(context, std::move(options), std::move(handler));
}

}  // namespace retort::http
