// Interactive: what each message of a client asks for.
#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include "api/interactive.h"
#include "api/object_reader.h"
#include "cell/signals.h"
#include "text/encodings.h"

namespace retort::api {

namespace json = text::json;
using base::Status;

namespace {

constexpr std::size_t kLargestInput = std::size_t{1} << 20U;
constexpr std::int64_t kLargestWindow = std::int64_t{1} << 30U;
constexpr const char* kWrongOutput = "/stream: must be stdout or stderr";

int signal_number(std::string_view name) {
  for (const int number : cell::kSendableSignals) {
    if (name == std::string("SIG") + ::sigabbrev_np(number)) return number;
  }
  return 0;
}

// The first of them; empty: there is none.
std::string first_of(const Faults& faults) {
  if (faults.empty()) return {};
  const FieldFault& fault = faults.list().front();
  return fault.pointer.empty() ? fault.detail : fault.pointer + ": " + fault.detail;
}

}  // namespace

std::optional<Interactive::Stream> Interactive::find_output(std::string_view name) {
  if (name == "stdout") return Stream::out;
  if (name == "stderr") return Stream::err;
  return std::nullopt;
}

std::string Interactive::take_message(const http::WebSocket::Message& message) {
  if (message.binary) return take_bytes(message.bytes);
  auto parsed = text::parse_json(message.bytes);
  if (!parsed) return std::move(parsed).error().what;
  if (!parsed->is_object()) return "a message is an object";
  json::object& object = parsed->get_object();
  const json::value* const found = object.if_contains("type");
  if (found == nullptr || !found->is_string()) return "/type: must be there, and text";
  const std::string type(std::string_view(found->get_string()));
  if (type == "announce") return take_opening(std::move(object), true);
  if (type == "init") return take_opening(std::move(object), false);
  using Take = std::string (Interactive::*)(const json::object&);
  constexpr std::array<std::pair<std::string_view, Take>, 7> kTakes = {
      {{"stdin", &Interactive::take_input},
       {"eof", &Interactive::take_end},
       {"signal", &Interactive::take_signal},
       {"resize", &Interactive::take_size},
       {"window", &Interactive::take_window},
       {"close", &Interactive::take_close},
       {"cancel", &Interactive::take_cancel}}};
  for (const auto& [name, take] : kTakes) {
    if (name != type) continue;
    if (!is_opened_) return "init comes first";
    return (this->*take)(object);
  }
  return "/type: there is no message " + shown(type);
}

std::string Interactive::take_opening(json::object message, bool is_announcement) {
  if (is_opened_) return "init comes once";
  if (is_announced_ && (is_announcement || !is_ready_))
    return "what follows announce is init, when the server is ready";
  constexpr std::array<std::string_view, 5> kOfAnnounce = {
      "type", "runtime", "version", "limits", "priority"};
  constexpr std::array<std::string_view, 6> kOfInit = {
      "type", "job", "terminal", "windows", "capture", "binary"};
  Faults faults;
  const Path path;
  if (is_announcement) {
    const ObjectReader reader(message, path, faults, kOfAnnounce);
    is_announced_ = true;
  } else {
    const ObjectReader reader(message, path, faults, kOfInit);
    (void)reader.need("job");
    if (const json::object* const size = reader.object("terminal"))
      terminal_ = read_size(*size, path.at("terminal"), faults);
    if (const json::object* const windows = reader.object("windows"))
      read_windows(*windows, path.at("windows"), faults);
    is_captured_ = reader.flag("capture").value_or(false);
    is_binary_ = reader.flag("binary").value_or(false);
    is_opened_ = true;
  }
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  opening_ = Opening{.is_announcement = is_announcement, .message = std::move(message)};
  changed_.set();
  return {};
}

std::optional<kernel::TerminalSize> Interactive::read_size(const json::object& object,
                                                           const Path& path,
                                                           Faults& faults) {
  constexpr std::array<std::string_view, 3> kFields = {"rows", "columns", "type"};
  const std::span<const std::string_view> all(kFields);
  const bool is_message = path.pointer().empty();
  const ObjectReader reader(object, path, faults, is_message ? all : all.first(2));
  if (reader.need("rows") == nullptr || reader.need("columns") == nullptr) return std::nullopt;
  const auto rows = reader.whole("rows", 1, kernel::TerminalSize::kMost);
  const auto columns = reader.whole("columns", 1, kernel::TerminalSize::kMost);
  if (!rows || !columns) return std::nullopt;
  return kernel::TerminalSize{.rows = static_cast<std::uint16_t>(*rows),
                              .columns = static_cast<std::uint16_t>(*columns)};
}

std::string Interactive::take_input(const json::object& message) {
  constexpr std::array<std::string_view, 3> kFields = {"type", "data", "encoding"};
  Faults faults;
  const Path path;
  const ObjectReader reader(message, path, faults, kFields);
  const auto data = reader.need_text("data");
  const auto encoding = reader.text("encoding").value_or("utf8");
  if (encoding != "utf8" && encoding != "base64") return "/encoding: must be utf8 or base64";
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  if (encoding == "utf8") return add_input(*data);
  const auto bytes = text::parse_base64(*data);
  return bytes ? add_input(*bytes) : "/data: " + bytes.error().what;
}

// The first byte says of which stream the others are.
std::string Interactive::take_bytes(std::string_view message) {
  if (!is_binary_) return "messages are text: JSON, unless init says binary";
  if (!message.starts_with('\0')) return "a binary message begins with 0, the number of stdin";
  return add_input(message.substr(1));
}

std::string Interactive::add_input(std::string_view bytes) {
  if (bytes.size() > kLargestInput) return "at most 1 MiB of stdin goes into one message";
  if (is_input_ended_) return "stdin has ended";
  if (is_input_refused_ || bytes.empty()) return {};
  input_.emplace_back(bytes);
  input_bytes_ += bytes.size();
  to_feed_.set();
  return {};
}

std::string Interactive::take_end(const json::object& message) {
  constexpr std::array<std::string_view, 1> kFields = {"type"};
  Faults faults;
  const Path path;
  const ObjectReader reader(message, path, faults, kFields);
  is_input_ended_ = true;
  to_feed_.set();
  return first_of(faults);
}

std::string Interactive::take_signal(const json::object& message) {
  constexpr std::array<std::string_view, 2> kFields = {"type", "name"};
  Faults faults;
  const Path path;
  const ObjectReader reader(message, path, faults, kFields);
  const auto name = reader.need_text("name");
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  const int number = signal_number(*name);
  if (number == 0) return "/name: " + shown(*name) + " is no signal that may be sent";
  const auto job = job_.lock();
  if (!job) return {};
  const Status sent = job->signal(number);
  return sent ? std::string() : sent.error().what;
}

std::string Interactive::take_size(const json::object& message) {
  Faults faults;
  const auto size = read_size(message, Path(), faults);
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  if (!terminal_) return "there is no terminal";
  terminal_ = size;
  const auto job = job_.lock();
  if (!job) return {};
  const Status resized = job->resize(*size);
  return resized ? std::string() : resized.error().what;
}

// ---- How much of each stream may be under way. ----

void Interactive::read_windows(const json::object& object, const Path& path, Faults& faults) {
  constexpr std::array<std::string_view, 2> kFields = {"stdout", "stderr"};
  const ObjectReader reader(object, path, faults, kFields);
  is_windowed_ = true;
  for (const Stream stream : {Stream::out, Stream::err}) {
    const auto bytes = reader.whole(kFields.at(static_cast<unsigned>(stream)), 0, kLargestWindow);
    output(stream).window = static_cast<std::uint64_t>(bytes.value_or(0));
  }
}

std::string Interactive::take_window(const json::object& message) {
  constexpr std::array<std::string_view, 3> kFields = {"type", "stream", "bytes"};
  Faults faults;
  const Path path;
  const ObjectReader reader(message, path, faults, kFields);
  const auto name = reader.need_text("stream");
  (void)reader.need("bytes");
  const auto bytes = reader.whole("bytes", 1, kLargestWindow);
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  const auto stream = find_output(*name);
  if (!stream) return kWrongOutput;
  if (!is_windowed_) return "init named no windows";
  output(*stream).window += static_cast<std::uint64_t>(*bytes);
  if (output(*stream).window > kLargestWindow) return "/bytes: the window is larger than 1 GiB";
  output_room_.set();
  return {};
}

std::string Interactive::take_close(const json::object& message) {
  constexpr std::array<std::string_view, 2> kFields = {"type", "stream"};
  Faults faults;
  const Path path;
  const ObjectReader reader(message, path, faults, kFields);
  const auto name = reader.need_text("stream");
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  const auto stream = find_output(*name);
  if (!stream) return kWrongOutput;
  Output& of_program = output(*stream);
  of_program.is_refused = true;
  if (of_program.pipe && of_program.pipe->is_open()) of_program.pipe->cancel();
  output_room_.set();
  return {};
}

std::string Interactive::take_cancel(const json::object& message) {
  constexpr std::array<std::string_view, 1> kFields = {"type"};
  Faults faults;
  const Path path;
  const ObjectReader reader(message, path, faults, kFields);
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  cancel_->cancel();
  return {};
}

}  // namespace retort::api
