// Log: spdlog for time, level and output; the fields are written here.
#include "api/log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/bytes.h"

namespace retort::api {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warning", "error"};
constexpr std::array<spdlog::level::level_enum, 4> kTheirLevels = {
    spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};

// `value` without the bytes that are over; never in the middle of a character.
std::string cut_and_escape(std::string_view value) {
  if (value.size() <= kLongestValue) return base::printable(value);
  std::size_t end = kLongestValue;
  for (int back = 0; back < 3 && (static_cast<unsigned char>(value[end]) & 0xC0U) == 0x80; ++back)
    --end;
  return base::printable(value.substr(0, end)) + "...(" + std::to_string(value.size()) + " bytes)";
}

// In double quotes. After `printable` there are no control characters; in JSON its backslashes are
// escaped once more, in text they are its escapes.
std::string quoted(std::string_view escaped, LogFormat format) {
  std::string text = "\"";
  for (const char c : escaped) {
    if (c == '"' || (c == '\\' && format == LogFormat::json)) text += '\\';
    text += c;
  }
  return text += '"';
}

bool is_bare(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:/@+-[],%~").contains(c);
  });
}

struct Write {
  LogFormat format;

  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(std::uint64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const {
    if (!std::isfinite(value)) return "null";  // JSON has no word for it
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return {digits.data(), end};
  }
  std::string operator()(std::string_view value) const {
    std::string escaped = cut_and_escape(value);
    if (format == LogFormat::text && is_bare(escaped)) return escaped;
    return quoted(escaped, format);
  }
  std::string operator()(const Secret* /*value*/) const {
    return (*this)(std::string_view("[redacted]"));
  }
};

std::unique_ptr<spdlog::logger> make_logger(const LogOptions& options) {
  spdlog::sink_ptr sink;
  if (options.stream != nullptr) {
    sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(*options.stream);
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
  auto logger = std::make_unique<spdlog::logger>("retort", std::move(sink));
  const std::string_view pattern = options.format == LogFormat::json
                                       ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                       : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      std::string(pattern), spdlog::pattern_time_type::utc, "\n"));
  logger->set_level(spdlog::level::trace);  // Log decides
  logger->flush_on(spdlog::level::trace);
  return logger;
}

}  // namespace

std::string_view level_name(LogLevel level) {
  return kLevels.at(static_cast<std::size_t>(level));
}

std::optional<LogLevel> find_level(std::string_view name) {
  const auto* const found = std::ranges::find(kLevels, name);
  if (found == kLevels.end()) return std::nullopt;
  return static_cast<LogLevel>(found - kLevels.begin());
}

std::optional<LogFormat> find_format(std::string_view name) {
  if (name == "text") return LogFormat::text;
  if (name == "json") return LogFormat::json;
  return std::nullopt;
}

Log::Log(const LogOptions& options)
    : format_(options.format), level_(options.level), logger_(make_logger(options)) {}

Log::~Log() = default;

void Log::write_line(LogLevel level, std::string_view event, Fields fields) {
  std::string line;
  if (format_ == LogFormat::json) {
    line.append("\"event\":").append(Write{format_}(event));
    for (const LogField& field : fields) {
      line.append(",").append(quoted(field.key(), format_)).append(":");
      line += std::visit(Write{format_}, field.value());
    }
  } else {
    line = base::printable(event);
    for (const LogField& field : fields) {
      line.append(" ").append(field.key()).append("=");
      line += std::visit(Write{format_}, field.value());
    }
  }
  // As an argument and not as a format: braces in it mean nothing.
  logger_->log(kTheirLevels.at(static_cast<std::size_t>(level)), spdlog::string_view_t(line));
}

}  // namespace retort::api
