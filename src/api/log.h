// Log: one line an event on stderr, for people or as JSON.
//
//   2026-01-31T12:00:00.123Z info job ended job=4f2a kind=run runtime=python status=ok key="" …
//   {"time":"2026-01-31T12:00:00.123Z","level":"info","event":"job ended","job":"4f2a",…}
//
// Values may be a stranger's: each is cut at kLongestValue bytes and escaped by base::printable, so
// that no value can make a second line, steer a terminal or pass for another field. Events and keys
// are constants of ours. What belongs to a job carries its id as "job".
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "api/secret.h"
#include "base/error.h"
#include "base/units.h"

namespace spdlog {
class logger;  // NOLINT(readability-identifier-naming): its library's
}

namespace retort::api {

constexpr std::size_t kLongestValue = 512;

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { text, json };

// "warning"; the words of the settings log.level and log.format.
std::string_view level_name(LogLevel level);
std::optional<LogLevel> find_level(std::string_view name);
std::optional<LogFormat> find_format(std::string_view name);

// A view: made where it is logged, and not kept. Nothing is copied until the line is written.
class LogField {
 public:
  using Value =
      std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view, const Secret*>;

  LogField(std::string_view key, std::string_view value) : key_(key), value_(value) {}
  LogField(std::string_view key, const std::string& value)
      : LogField(key, std::string_view(value)) {}
  LogField(std::string_view key, const char* value) : LogField(key, std::string_view(value)) {}
  LogField(std::string_view key, bool value) : key_(key), value_(value) {}
  LogField(std::string_view key, double value) : key_(key), value_(value) {}
  template <std::signed_integral T>
  LogField(std::string_view key, T value) : key_(key), value_(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral T>
  LogField(std::string_view key, T value) : key_(key), value_(static_cast<std::uint64_t>(value)) {}
  // In microseconds and bytes: the key says so, "wall_us", "memory_bytes".
  LogField(std::string_view key, base::Duration value)
      : LogField(key, std::int64_t{value.count()}) {}
  LogField(std::string_view key, base::ByteSize value) : LogField(key, value.bytes()) {}
  LogField(std::string_view key, const Secret& value) : key_(key), value_(&value) {}
  // Its line; "error" is the usual key.
  LogField(std::string_view key, const base::Error& value) : LogField(key, value.what) {}

  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] const Value& value() const { return value_; }

 private:
  std::string_view key_;
  Value value_;
};

struct LogOptions {
  LogFormat format = LogFormat::text;
  LogLevel level = LogLevel::info;
  std::ostream* stream = nullptr;  // for tests, instead of stderr; must outlive the Log
};

// Any thread may use it. A line is written before the call returns.
class Log {
 public:
  explicit Log(const LogOptions& options);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  // Ask first only when a value costs something to make.
  [[nodiscard]] bool is_on(LogLevel level) const {
    return level >= level_.load(std::memory_order_relaxed);
  }
  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }

  using Fields = std::initializer_list<LogField>;
  void write(LogLevel level, std::string_view event, Fields fields = {}) {
    if (is_on(level)) write_line(level, event, fields);
  }
  void debug(std::string_view event, Fields fields = {}) { write(LogLevel::debug, event, fields); }
  void info(std::string_view event, Fields fields = {}) { write(LogLevel::info, event, fields); }
  void warning(std::string_view event, Fields fields = {}) {
    write(LogLevel::warning, event, fields);
  }
  void error(std::string_view event, Fields fields = {}) { write(LogLevel::error, event, fields); }

 private:
  void write_line(LogLevel level, std::string_view event, Fields fields);

  LogFormat format_;
  std::atomic<LogLevel> level_;
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace retort::api
