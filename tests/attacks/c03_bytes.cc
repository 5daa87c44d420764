// C03: bytes that are no text: NUL, invalid UTF-8, lone surrogates, characters cut in two.
#include <unistd.h>

#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kTimes = 2000;

std::string every_kind() {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  all += "\xED\xA0\x80\xED\xBF\xBF";  // lone surrogates
  all += "\xC0\x80\xF5\x80\x80\x80";  // overlong, and beyond the last character
  all += "\xE2\x82\xAC";              // one character of three bytes
  std::string text;
  for (int i = 0; i < kTimes; ++i) text += all;
  return text;
}

// In pieces of a length that cuts every character somewhere.
int run(unsigned) {
  constexpr std::size_t kPiece = 4099;
  const std::string text = every_kind();
  for (std::size_t at = 0; at < text.size(); at += kPiece) {
    const std::string piece = text.substr(at, kPiece);
    for (std::size_t done = 0; done < piece.size();) {
      const ssize_t count = ::write(1, piece.data() + done, piece.size() - done);
      if (count < 0) return 1;
      done += static_cast<std::size_t>(count);
    }
  }
  return 0;
}

const Enrol kAttack{{.id = "C03",
                     .what = "bytes that are no text",
                     .run = run,
                     .exit_code = 0,
                     .prints = every_kind}};

}  // namespace
}  // namespace retort::attacks
