// Webhook delivery: one task looks what is due, and one for each call waits for its answer.
#include "api/webhook_delivery.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <utility>

#include <boost/asio/post.hpp>

#include "async/deadline.h"
#include "kernel/files.h"
#include "text/digest.h"
#include "text/encodings.h"

namespace retort::api {

using async::Task;
using base::Duration;
using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

// Calls at one time, and of one owner.
constexpr std::size_t kMostCalls = 256;
constexpr std::int64_t kMostOfOwner = 16;

constexpr Duration kFirstPause = std::chrono::seconds(2);
constexpr Duration kLongestPause = std::chrono::hours(1);
// How long to wait where it is not known until when.
constexpr Duration kShortLook = std::chrono::milliseconds(200);
// The same while all that is due is under way: whoever ends says so.
constexpr Duration kBusyLook = std::chrono::seconds(1);
constexpr Duration kLongLook = std::chrono::minutes(1);

constexpr std::size_t kShortestSecret = 16;
constexpr std::size_t kLongestSecret = 4096;

double chance() {
  static std::minstd_rand generator(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

// {"result": X} or {"problem": X} is what is stored; X is what is sent.
std::string body_of(const std::string& outcome) {
  const std::size_t start = outcome.find(':') + 1;
  return outcome.substr(start, outcome.size() - start - 1);
}

}  // namespace

std::string webhook_signature(const Secret& secret,
                              std::int64_t unix_seconds,
                              const std::string& body) {
  const std::string time = std::to_string(unix_seconds);
  text::HmacSha256 code(secret.reveal());
  code.update(std::string_view(time));
  code.update(std::string_view("."));
  code.update(std::string_view(body));
  const text::Digest digest = code.finish();
  return "t=" + time + ",v1=" + text::hex(text::bytes_of(digest));
}

Duration webhook_pause(std::uint64_t failed, double chance) {
  Duration pause = kFirstPause;
  for (std::uint64_t i = 1; i < failed && pause < kLongestPause; ++i) pause *= 4;
  pause = std::min(pause, kLongestPause);
  const auto less = static_cast<Duration::rep>(static_cast<double>(pause.count()) * chance / 2);
  return pause - Duration(less);
}

Result<Secret> read_webhook_secret(const std::string& path) {
  RETORT_TRY(const base::Fd file, kernel::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return base::os_error("fstat", path);
  if (!S_ISREG(info.st_mode)) return Error{Fault::invalid, path + " is no regular file", 0};
  if ((info.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
    return Error{Fault::denied,
                 path +
                     " can be read or changed by others: chmod o= and g-w, and let the "
                     "server's user own it",
                 0};
  }
  std::string text(kLongestSecret + 1, '\0');
  RETORT_TRY(const std::size_t size,
             kernel::read_full(file, std::as_writable_bytes(std::span(text))));
  text.resize(size);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  Secret secret(std::move(text));
  if (secret.reveal().size() >= kShortestSecret && size <= kLongestSecret) return secret;
  return Error{
      Fault::invalid, path + " must hold a secret of 16 to 4096 bytes: openssl rand -hex 32", 0};
}

WebhookDelivery::WebhookDelivery(const Parts& parts) : parts_(parts), changed_(parts.executor) {}

WebhookDelivery::~WebhookDelivery() = default;

Status WebhookDelivery::start(const Settings::Webhooks& settings) {
  settings_ = settings;
  RETORT_CHECK(read_secret());
  RETORT_TRY(sender_, WebhookSender::create());
  async::spawn(parts_.executor, deliver());
  return {};
}

void WebhookDelivery::use(const Settings::Webhooks& settings) {
  settings_ = settings;
  if (const Status read = read_secret(); !read) {
    parts_.log.error(secret_.empty() ? "webhooks are not called" : "the webhooks' secret stays",
                     {{"error", read.error()}});
  }
  changed_.set();
}

Status WebhookDelivery::read_secret() {
  if (settings_.secret_file.empty()) return {};
  auto secret = read_webhook_secret(settings_.secret_file);
  if (!secret) return secret.error().within("webhooks.secret_file");
  secret_ = *std::move(secret);
  return {};
}

void WebhookDelivery::wake() {
  changed_.set();
}

Task<> WebhookDelivery::deliver() {
  while (true) {
    changed_.reset();
    const auto pause = co_await async::caught(begin_due());
    auto wait = changed_.wait();
    (void)co_await async::within(pause.value_or(kFirstPause), std::move(wait));
  }
}

// How long there is nothing more to do.
Task<Duration> WebhookDelivery::begin_due() {
  if (!is_calling()) co_return kLongLook;
  struct Due {
    Result<std::vector<store::DueWebhook>> webhooks;
    Result<std::optional<std::int64_t>> next;
  };
  const std::int64_t now = utc_now_us();
  auto work = [now](Storage::Stores& stores) {
    Due due{
        .webhooks = stores.webhooks.due(now, static_cast<std::int64_t>(kMostCalls), kMostOfOwner),
        .next = stores.webhooks.next_due()};
    return due;
  };
  const Due due = co_await parts_.storage.run(std::move(work));
  if (!due.webhooks || !due.next) {
    parts_.log.error("webhooks cannot be read",
                     {{"error", !due.webhooks ? due.webhooks.error() : due.next.error()}});
    co_return kLongLook;
  }
  Duration shortest = kBusyLook;
  for (const store::DueWebhook& webhook : *due.webhooks) {
    if (under_way_.size() >= kMostCalls) break;
    if (!under_way_.insert(webhook.job_id).second) continue;
    shortest = kShortLook;
    async::spawn(parts_.executor, call(webhook));
  }
  if (!*due.next) co_return kLongLook;
  co_return std::clamp(Duration(**due.next - now), shortest, kLongLook);
}

Task<> WebhookDelivery::call(store::DueWebhook webhook) {
  const std::string id = webhook.job_id;
  const auto called = co_await async::caught(send(std::move(webhook)));
  if (!called) {
    parts_.log.error("a webhook could not be called", {{"job", id}, {"error", called.error()}});
    co_await async::sleep_for(kFirstPause);
  }
  under_way_.erase(id);
  changed_.set();
}

Task<> WebhookDelivery::send(store::DueWebhook webhook) {
  auto work = [id = webhook.job_id, owner = webhook.owner](Storage::Stores& stores) {
    return stores.jobs.look_up(owner, id);
  };
  auto job = co_await parts_.storage.run(std::move(work));
  if (!job) co_return;
  struct Waiting {
    explicit Waiting(const async::Executor& executor) : done(executor) {}
    WebhookAnswer answer;
    async::Event done;
  };
  auto waiting = std::make_shared<Waiting>(parts_.executor);
  WebhookCall call;
  call.url = webhook.url;
  call.body = body_of(job->result);
  call.timeout = settings_.timeout;
  call.allows_internal = settings_.allow_private;
  call.headers = {"Content-Type: application/json",
                  "User-Agent: retort",
                  "Expect:",
                  "Retort-Event: job.done",
                  "Retort-Delivery: " + webhook.job_id};
  const std::int64_t now = utc_now_us() / 1'000'000;
  call.headers.push_back("Retort-Signature: " + webhook_signature(secret_, now, call.body));
  // The event belongs to our thread, and is let go there.
  auto done = [waiting, executor = parts_.executor](WebhookAnswer answer) mutable {
    waiting->answer = std::move(answer);
    async::asio::post(executor, [waiting = std::move(waiting)] { waiting->done.set(); });
  };
  sender_->send(std::move(call), std::move(done));
  co_await waiting->done.wait();
  co_await record(webhook, waiting->answer);
}

Task<> WebhookDelivery::record(store::DueWebhook webhook, WebhookAnswer answer) {
  using Kind = WebhookAnswer::Kind;
  const auto failed = static_cast<std::uint64_t>(webhook.attempts) + 1;
  const bool is_last = answer.kind == Kind::refused || failed >= settings_.attempts;
  const Duration pause = webhook_pause(failed, chance());
  auto work = [id = webhook.job_id, answer, is_last, due = utc_now_us() + pause.count()](
                  Storage::Stores& stores) {
    if (answer.kind == Kind::taken) return stores.webhooks.delivered(id);
    if (is_last) return stores.webhooks.given_up(id, answer.error);
    return stores.webhooks.failed(id, due, answer.error);
  };
  const auto recorded = co_await parts_.storage.run(std::move(work));
  if (!recorded) {
    parts_.log.error("a webhook's answer cannot be stored",
                     {{"job", webhook.job_id}, {"error", recorded.error()}});
    // It is due again; not at once.
    co_await async::sleep_for(kFirstPause);
  }
  if (answer.kind == Kind::taken) {
    parts_.metrics.webhook_delivered();
  } else if (is_last) {
    parts_.metrics.webhook_failed();
    parts_.log.info("a webhook is given up",
                    {{"job", webhook.job_id}, {"attempts", failed}, {"error", answer.error}});
  }
}

}  // namespace retort::api
