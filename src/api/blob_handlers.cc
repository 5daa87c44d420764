// /v1/blobs: large inputs, streamed to the disk and back in constant memory.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "api/service.h"
#include "api/storage_problem.h"
#include "async/deadline.h"
#include "text/digest.h"

namespace retort::api {

using async::Task;
using base::ByteSize;
using base::Fault;

namespace {

constexpr std::size_t kChunk = std::size_t{256} << 10U;
constexpr std::uint64_t kFlushAfter = std::uint64_t{16} << 20U;
constexpr auto kEvictEvery = std::chrono::minutes(1);
constexpr base::Duration kAuditKept = std::chrono::hours(24 * 365);
constexpr std::int64_t kMostAuditEntries = 100'000;
// Between two evictions, this part of what all blobs may have comes on top.
constexpr std::uint64_t kPartBetween = 16;

Problem too_large(ByteSize largest) {
  return {.code = ProblemCode::body_too_large,
          .detail = "a blob may have " + base::to_text(largest),
          .extra = {{"largest_bytes", largest.bytes()}}};
}

Problem no_such_blob(const std::string& sha256) {
  return {.code = ProblemCode::not_found, .detail = "you have uploaded no blob " + shown(sha256)};
}

Problem storage_full() {
  return {.code = ProblemCode::storage_full,
          .detail = "there is no room for more blobs; try again later",
          .retry_after_s = 10};
}

Problem quota_exceeded(ByteSize most) {
  return {.code = ProblemCode::blob_quota_exceeded,
          .detail = "your blobs may have " + base::to_text(most) +
                    " together (blobs.size_per_key), and would have more with this one",
          .extra = {{"largest_bytes", most.bytes()}}};
}

bool is_octets(const http::RequestHead& head) {
  const std::string* const type = head.header("content-type");
  if (type == nullptr) return true;  // which means the same (RFC 9110, 8.3)
  return std::string_view(*type).substr(0, type->find(';')) == "application/octet-stream";
}

// Reads until `into` is full or the body ends.
Task<base::Result<std::size_t>> read_chunk(http::Exchange& exchange, std::span<char> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const auto count = co_await exchange.read_some(into.subspan(filled));
    if (!count) co_return count.error();
    if (*count == 0) break;
    filled += *count;
  }
  co_return filled;
}

}  // namespace

Task<> Service::store_blob(Call& call) {
  const std::string sha256 = call.parts.front();
  const std::string owner = call.caller.owner;
  const auto settings = settings_;
  const ByteSize largest = settings->blobs.largest;
  if (!text::is_sha256_hex(sha256)) {
    const Problem problem{
        .code = ProblemCode::invalid_request,
        .detail = "a blob's name is its SHA-256: 64 hexadecimal digits in lower case"};
    co_return co_await call.answer(problem);
  }
  if (!is_octets(call.head())) {
    const Problem problem{.code = ProblemCode::unsupported_media_type,
                          .detail = "Content-Type must be application/octet-stream"};
    co_return co_await call.answer(problem);
  }
  if (call.head().content_length.value_or(0) > largest.bytes()) {
    const Problem problem = too_large(largest);
    co_return co_await call.answer(problem);
  }
  const ByteSize most = most_of(call.caller);
  const auto failed = [this](const base::Error& error) {
    if (error.fault == Fault::exhausted) return storage_problem(error);
    parts_.log.error("a blob could not be stored", {{"error", error}});
    return internal_problem();
  };
  const std::uint64_t announced = call.head().content_length.value_or(0);
  auto begin = [sha256, largest, owner, announced, most](
                   Storage::Stores& stores) -> base::Result<std::optional<store::Upload>> {
    RETORT_TRY(const bool has_room, stores.blobs.has_room(owner, sha256, announced, most));
    if (!has_room) return std::optional<store::Upload>();
    RETORT_TRY(auto upload, stores.blobs.upload(sha256, largest));
    return std::optional(std::move(upload));
  };
  auto begun = co_await parts_.storage.run(std::move(begin));
  if (!begun) {
    const Problem problem = failed(begun.error());
    co_return co_await call.answer(problem);
  }
  if (!*begun) {
    const Problem problem = quota_exceeded(most);
    co_return co_await call.answer(problem);
  }
  const auto upload = std::make_shared<store::Upload>(**std::move(begun));
  const auto buffer = std::make_shared<std::vector<char>>(kChunk);
  Count::Share claim = uploading_.take(0);
  Count& own = uploading_of(owner);
  Count::Share own_claim = own.take(0);
  std::uint64_t size = 0;
  std::uint64_t flushed = 0;
  for (;;) {
    // At most a byte more than there may be, so that one too many is seen at once.
    const std::size_t room = std::min<std::uint64_t>(kChunk, largest.bytes() - size + 1);
    const auto count = co_await read_chunk(call.exchange, std::span(*buffer).first(room));
    if (!count) co_return;  // the client left, or is answered by the exchange
    if (*count == 0) break;
    size += *count;
    if (size > largest.bytes()) {
      const Problem problem = too_large(largest);
      co_return co_await call.answer(problem);
    }
    if (uploading_.value() + *count > settings->blobs.size.bytes()) {
      const Problem problem = storage_full();
      co_return co_await call.answer(problem);
    }
    if (own.value() + *count > most.bytes()) {
      const Problem problem = quota_exceeded(most);
      co_return co_await call.answer(problem);
    }
    claim.grow(*count);
    own_claim.grow(*count);
    const bool is_to_flush = size - flushed >= kFlushAfter;
    if (is_to_flush) flushed = size;
    auto write = [upload, buffer, bytes = *count, is_to_flush] {
      auto written = upload->append(std::string_view(buffer->data(), bytes));
      return written && is_to_flush ? upload->flush() : written;
    };
    const auto written = co_await parts_.storage.with_files(std::move(write));
    if (!written) {
      const Problem problem = failed(written.error());
      co_return co_await call.answer(problem);
    }
  }
  auto flush = [upload] { return upload->flush(); };
  const auto flushed_all = co_await parts_.storage.with_files(std::move(flush));
  base::Result<bool> stored = true;
  if (!flushed_all) {
    stored = flushed_all.error();
  } else {
    auto commit = [upload, owner, most, now = utc_now_us()](Storage::Stores&) {
      return upload->commit(owner, most, now);
    };
    stored = co_await parts_.storage.run(std::move(commit));
  }
  if (!stored) {
    Problem problem;
    if (stored.error().fault == Fault::invalid) {
      problem = {.code = ProblemCode::blob_mismatch, .detail = stored.error().what};
    } else {
      problem = failed(stored.error());
    }
    co_return co_await call.answer(problem);
  }
  if (!*stored) {
    const Problem problem = quota_exceeded(most);
    co_return co_await call.answer(problem);
  }
  uploaded_ += size;
  if (uploaded_ > settings->blobs.size.bytes() / kPartBetween) co_await evict_blobs();
  const text::json::value body = text::json::object{{"sha256", sha256}, {"size_bytes", size}};
  co_await call.answer(201, body);
}

// Where no keys are required, those without one have the store for themselves.
ByteSize Service::most_of(const Caller& caller) const {
  const bool is_shared = settings_->requires_keys() || !caller.owner.empty();
  return is_shared ? settings_->blobs.most_of_key() : ByteSize::of_bytes(INT64_MAX);
}

Count& Service::uploading_of(const std::string& owner) {
  constexpr std::size_t kMany = 1000;
  if (uploading_of_.size() > kMany && !uploading_of_.contains(owner))
    std::erase_if(uploading_of_, [](const auto& entry) { return entry.second.is_idle(); });
  return uploading_of_[owner];
}

Task<> Service::send_blob(Call& call) {
  const std::string sha256 = call.parts.front();
  auto open = [owner = call.caller.owner, sha256, now = utc_now_us()](Storage::Stores& stores) {
    return stores.blobs.open(owner, sha256, now);
  };
  auto opened = co_await parts_.storage.run(std::move(open));
  if (!opened) {
    Problem problem = no_such_blob(sha256);
    const Fault fault = opened.error().fault;
    if (fault != Fault::not_found && fault != Fault::invalid) {
      parts_.log.error("a blob could not be read", {{"error", opened.error()}});
      problem = internal_problem();
    }
    co_return co_await call.answer(problem);
  }
  const auto blob = std::make_shared<const store::Blob>(*std::move(opened));
  call.status = 200;
  std::vector<http::Header> headers = {{"Content-Type", "application/octet-stream"},
                                       {"X-Content-Type-Options", "nosniff"},
                                       {"Content-Length", std::to_string(blob->size)}};
  const auto begun = co_await call.exchange.begin(200, std::move(headers));
  if (!begun) co_return;
  std::uint64_t left = call.head().method == "HEAD" ? 0 : blob->size;
  while (left > 0) {
    auto read = [blob, count = std::min<std::uint64_t>(left, kChunk)] {
      std::string bytes(count, '\0');
      const ssize_t got = ::read(blob->file.get(), bytes.data(), bytes.size());
      bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
      return bytes;
    };
    std::string bytes = co_await parts_.storage.with_files(std::move(read));
    if (bytes.empty()) {
      parts_.log.error("a blob could not be read", {{"sha256", sha256}});
      co_return;  // the connection is cut, so that the client sees that something is missing
    }
    left -= bytes.size();
    const auto written = co_await call.exchange.write(std::move(bytes));
    if (!written) co_return;
  }
  (void)co_await call.exchange.end();
}

Task<> Service::forget_blob(Call& call) {
  const std::string sha256 = call.parts.front();
  auto remove = [owner = call.caller.owner, sha256](Storage::Stores& stores) {
    return stores.blobs.remove(owner, sha256);
  };
  const auto removed = co_await parts_.storage.run(std::move(remove));
  if (!removed && removed.error().fault != Fault::invalid) {
    parts_.log.error("a blob could not be removed", {{"error", removed.error()}});
    const Problem problem = internal_problem();
    co_return co_await call.answer(problem);
  }
  if (!removed || !*removed) {
    const Problem problem = no_such_blob(sha256);
    co_return co_await call.answer(problem);
  }
  http::Response response;
  response.status = 204;
  response.content_type = "";
  co_await call.answer(std::move(response));
}

Task<> Service::evict_blobs() {
  uploaded_ = 0;
  struct Evicted {
    base::Result<std::int64_t> files;
    base::Result<store::BlobUsage> usage;
  };
  auto evict = [oldest = utc_now_us() - settings_->blobs.age.count(),
                most = settings_->blobs.size](Storage::Stores& stores) {
    return Evicted{.files = stores.blobs.evict(oldest, most), .usage = stores.blobs.usage()};
  };
  const Evicted evicted = co_await parts_.storage.run(std::move(evict));
  if (!evicted.files)
    parts_.log.error("blobs could not be evicted", {{"error", evicted.files.error()}});
  if (evicted.usage) {
    parts_.metrics.blobs_are(ByteSize::of_bytes(static_cast<std::uint64_t>(evicted.usage->bytes)));
  }
}

Task<> Service::keep_house() {
  for (;;) {
    (void)co_await async::caught(evict_blobs());
    auto trim = [oldest = utc_now_us() - kAuditKept.count()](Storage::Stores& stores) {
      return stores.audit.trim(oldest, kMostAuditEntries);
    };
    const auto trimmed = co_await async::caught(parts_.storage.run(std::move(trim)));
    if (!trimmed) parts_.log.error("the audit log is not trimmed", {{"error", trimmed.error()}});
    co_await async::sleep_for(kEvictEvery);
  }
}

}  // namespace retort::api
