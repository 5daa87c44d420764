// CacheEntry: any bytes as an entry of the compile cache, and a sound entry with any bytes changed,
// cut or added. Nothing but the sound one is ever served.
#include "store/cache_entry.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "fuzz/fuzz.h"
#include "kernel/files.h"

namespace retort::store {
namespace {

using base::Fd;
using fuzz::require;

constexpr std::string_view kKey =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kSecret = "thirty-two bytes of a test secret";
constexpr std::string_view kContent = "#!/bin/true: what a compiler has made\n";

Fd memory_of(std::string_view bytes) {
  auto file = kernel::make_memory_file("fuzz");
  require(file && kernel::write_all(*file, bytes), "there are memory files");
  return *std::move(file);
}

std::string content_of(const Fd& file) {
  std::string text(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
  (void)::lseek(file.get(), 0, SEEK_SET);
  (void)kernel::read_full(file, std::as_writable_bytes(std::span(text)));
  return text;
}

std::string sound_entry() {
  const Fd entry = memory_of("");
  require(write_cache_entry(entry, kKey, memory_of(kContent), kSecret).has_value(),
          "an entry can be written");
  return content_of(entry);
}

void check(const std::string& bytes, const std::string& sound) {
  const auto content = read_cache_entry(memory_of(bytes), kKey, kSecret);
  require(content.has_value() == (bytes == sound), "the sound entry, and no other, is served");
  if (!content) {
    require(content.error().fault == base::Fault::invalid, "another entry is refused");
    return;
  }
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  require(::fcntl(content->get(), F_GET_SEALS) == kSeals, "what is served is sealed");
  require(content_of(*content) == kContent, "what is served is what was put");
}

}  // namespace
}  // namespace retort::store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::store;  // NOLINT(google-build-using-namespace)
  static const std::string kSound = sound_entry();
  const std::string input(retort::fuzz::text_of(data, size));
  check(input, kSound);
  std::string changed = kSound;
  changed.resize(std::max(changed.size(), input.size()));
  for (std::size_t i = 0; i < input.size(); ++i) {
    changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^
                                   static_cast<unsigned char>(input[i]));
  }
  check(changed, kSound);
  check(changed.substr(0, std::max<std::size_t>(size, 1) - 1), kSound);
  return 0;
}
