// Artefact file: the record is JSON behind the bundle's last record, then its length in eight
// bytes.
#include "job/artefact_file.h"

#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>

#include "kernel/files.h"
#include "runtime/image_digest.h"
#include "text/digest.h"
#include "text/encodings.h"
#include "text/json.h"

namespace retort::job {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;

namespace {

// Counts up when the record or what the key is made of changes its shape.
constexpr std::string_view kFormat = "retort-artefact-1";
constexpr std::uint64_t kLargestRecord = 64U << 20U;
constexpr std::size_t kChunk = 64U << 10U;

class Key {
 public:
  // Its length too, so that no two lists of texts are alike.
  void add(std::string_view text) {
    digest_.update(std::to_string(text.size()) + ":");
    digest_.update(text);
  }
  void add(std::uint64_t number) { add(std::to_string(number)); }
  std::string take() { return text::hex(text::bytes_of(digest_.finish())); }

 private:
  text::Sha256 digest_;
};

Result<std::string> digest_of(const Input& input) {
  if (!input.file) return text::sha256_hex(input.text);
  RETORT_TRY(const Fd own, kernel::reopen_for_reading(*input.file));
  text::Sha256 digest;
  std::array<std::byte, kChunk> buffer{};
  for (;;) {
    RETORT_TRY(const std::size_t count, kernel::read_full(own, buffer));
    digest.update(std::span<const std::byte>(buffer).first(count));
    if (count < buffer.size()) return text::hex(text::bytes_of(digest.finish()));
  }
}

text::json::object to_json(const OutputPump::Text& text) {
  return {{"bytes", text::base64(text.bytes)}, {"total", text.total}, {"head", text.head_bytes}};
}

Result<OutputPump::Text> text_of(const text::json::object& record) {
  RETORT_TRY(auto bytes, text::parse_base64(std::string(record.at("bytes").as_string())));
  return OutputPump::Text{.bytes = std::move(bytes),
                          .total = record.at("total").to_number<std::uint64_t>(),
                          .head_bytes = record.at("head").to_number<std::uint64_t>()};
}

Error not_one() {
  return {Fault::invalid, "not an artefact file", 0};
}

Result<StageResult> stage_of(const text::json::object& record) {
  if (record.at("format").as_string() != kFormat) return not_one();
  RETORT_TRY(const auto facts, text::parse_base64(std::string(record.at("facts").as_string())));
  StageResult stage;
  if (facts.size() != sizeof stage.facts) return not_one();
  std::memcpy(&stage.facts, facts.data(), facts.size());
  stage.name = "compile";
  stage.verdict.outcome = cell::Outcome::ok;
  stage.verdict.exit_code = 0;
  RETORT_TRY(stage.stdout_text, text_of(record.at("stdout").as_object()));
  RETORT_TRY(stage.stderr_text, text_of(record.at("stderr").as_object()));
  stage.is_cached = true;
  return stage;
}

}  // namespace

Result<std::string> compile_key(const Built& built,
                                const Contents& contents,
                                std::uint32_t add_ons,
                                const std::string& scope) {
  Key key;
  key.add(kFormat);
  key.add(scope);
  key.add(runtime::image_digest(*built.program.runtime));
  key.add(contents.command.size());
  for (const std::string& word : contents.command) key.add(word);
  key.add(contents.env.size());
  for (const auto& [name, value] : contents.env) {
    key.add(name);
    key.add(value);
  }
  key.add(contents.wanted.size());
  for (const std::string& name : contents.wanted) key.add(name);
  key.add(add_ons);
  key.add(built.program.files.size());
  for (const SourceFile& file : built.program.files) {
    key.add(file.name);
    key.add(file.executable ? 1 : 0);
    key.add(text::sha256_hex(file.content));
  }
  if (built.program.archive) {
    RETORT_TRY(const std::string digest, digest_of(*built.program.archive));
    key.add(digest);
  }
  return key.take();
}

Result<Fd> make_artefact_file(const Fd& collected, const StageResult& stage) {
  RETORT_TRY(Fd file, kernel::make_memory_file("artefacts"));
  struct stat info{};
  if (::fstat(collected.get(), &info) != 0) return base::os_error("fstat", "artefacts");
  for (off_t done = 0; done < info.st_size;) {
    const ssize_t count = ::sendfile(
        file.get(), collected.get(), &done, static_cast<std::size_t>(info.st_size - done));
    if (count < 0 && errno != EINTR) return base::os_error("sendfile", "artefacts");
    if (count == 0) return Error{Fault::internal, "artefacts became shorter", 0};
  }
  const text::json::object record = {
      {"format", kFormat},
      {"facts",
       text::base64({std::bit_cast<std::array<char, sizeof stage.facts>>(stage.facts).data(),
                     sizeof stage.facts})},
      {"stdout", to_json(stage.stdout_text)},
      {"stderr", to_json(stage.stderr_text)}};
  const std::string text = text::compact(record);
  const std::uint64_t length = text.size();
  RETORT_CHECK(kernel::write_all(file, text));
  RETORT_CHECK(kernel::write_all(file, std::as_bytes(std::span(&length, 1))));
  RETORT_CHECK(kernel::seal(file));
  return file;
}

Result<StageResult> read_artefact_file(const Fd& file) {
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return base::os_error("fstat", "an artefact file");
  std::uint64_t length = 0;
  const off_t end = info.st_size - static_cast<off_t>(sizeof length);
  if (end < 0 || ::pread(file.get(), &length, sizeof length, end) != sizeof length)
    return not_one();
  if (length > kLargestRecord || length > static_cast<std::uint64_t>(end)) return not_one();
  std::string text(length, '\0');
  const ssize_t count =
      ::pread(file.get(), text.data(), text.size(), end - static_cast<off_t>(length));
  if (count != static_cast<ssize_t>(length)) return not_one();
  const auto record = text::parse_json(text);
  if (!record) return not_one();
  try {
    return stage_of(record->as_object());
  } catch (const std::exception&) {
    return not_one();
  }
}

}  // namespace retort::job
