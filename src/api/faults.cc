// Faults: pointers by RFC 6901.
#include "api/faults.h"

#include <array>
#include <utility>

#include "base/bytes.h"

namespace retort::api {
namespace {

constexpr std::size_t kLongestPart = 256;
constexpr std::size_t kLongestWord = 64;

constexpr std::array kCodes = {
    FaultCodeInfo{.code = FaultCode::wrong_type,
                  .name = "wrong_type",
                  .meaning = "a value of another JSON type, or a number that is not whole"},
    FaultCodeInfo{.code = FaultCode::unknown_field,
                  .name = "unknown_field",
                  .meaning = "a member that is none of ours; nothing is ignored"},
    FaultCodeInfo{.code = FaultCode::missing_field,
                  .name = "missing_field",
                  .meaning = "a member that must be there and is not"},
    FaultCodeInfo{.code = FaultCode::invalid_value,
                  .name = "invalid_value",
                  .meaning = "a value of the right type that cannot be"},
    FaultCodeInfo{.code = FaultCode::out_of_bounds,
                  .name = "out_of_bounds",
                  .meaning = "too small, too large, too many, too long; the bound is named"},
    FaultCodeInfo{.code = FaultCode::duplicate_name,
                  .name = "duplicate_name",
                  .meaning = "two files that cannot lie beside each other"},
    FaultCodeInfo{.code = FaultCode::conflict,
                  .name = "conflict",
                  .meaning = "a member that makes no sense beside, or without, another"},
    FaultCodeInfo{.code = FaultCode::limit_out_of_bounds,
                  .name = "limit_out_of_bounds",
                  .meaning = "a limit outside a bound; whose bound it is, is named"},
    FaultCodeInfo{.code = FaultCode::unknown_runtime,
                  .name = "unknown_runtime",
                  .meaning = "a runtime, or a version of it, that this server does not have"},
    FaultCodeInfo{.code = FaultCode::runtime_unavailable,
                  .name = "runtime_unavailable",
                  .meaning = "a runtime that is known here and not installed"},
    FaultCodeInfo{.code = FaultCode::archives_unavailable,
                  .name = "archives_unavailable",
                  .meaning = "an archive, where there is nothing to unpack it with"},
};

}  // namespace

std::span<const FaultCodeInfo> fault_codes() {
  return kCodes;
}

std::string_view name_of(FaultCode code) {
  return kCodes.at(static_cast<std::size_t>(code)).name;
}

std::string Path::pointer() const {
  if (parent_ == nullptr) return {};
  std::string text = parent_->pointer();
  text += '/';
  if (is_index_) return text + std::to_string(index_);
  std::string_view name = name_;
  if (name.size() > kLongestPart) {
    // Not through the middle of a character.
    std::size_t end = kLongestPart;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) --end;
    name = name.substr(0, end);
  }
  for (const char c : name) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += c;
    }
  }
  return text;
}

void Faults::add(const Path& path, FaultCode code, std::string detail) {
  if (is_full()) {
    ++omitted_;
    return;
  }
  list_.push_back({.pointer = path.pointer(), .code = code, .detail = std::move(detail)});
}

void Faults::add(Faults others) {
  for (FieldFault& fault : others.list_) {
    if (is_full()) {
      ++omitted_;
    } else {
      list_.push_back(std::move(fault));
    }
  }
  omitted_ += others.omitted_;
}

std::string shown(std::string_view word) {
  if (word.size() <= kLongestWord) return "'" + base::printable(word) + "'";
  std::size_t end = kLongestWord;
  while (end > 0 && (static_cast<unsigned char>(word[end]) & 0xC0U) == 0x80U) --end;
  return "'" + base::printable(word.substr(0, end)) + "'…";
}

}  // namespace retort::api
