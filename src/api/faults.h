// Faults: what is wrong with a JSON document, each with its place, collected until all are known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort::api {

// The `code` of one entry of a problem's `errors`; stable.
enum class FaultCode : std::uint8_t {
  wrong_type,
  unknown_field,
  missing_field,
  invalid_value,
  out_of_bounds,
  duplicate_name,
  conflict,
  limit_out_of_bounds,
  unknown_runtime,
  runtime_unavailable,
  archives_unavailable,
};

struct FaultCodeInfo {
  FaultCode code;
  std::string_view name;
  std::string_view meaning;  // one line for the reference
};
// In the order of FaultCode.
std::span<const FaultCodeInfo> fault_codes();
std::string_view name_of(FaultCode code);

// Where a value is, as a chain of places on the stack: nothing is allocated until there is a fault.
// A Path must outlive those made from it, and the names that it is made of.
class Path {
 public:
  Path() = default;  // the whole document
  [[nodiscard]] Path at(std::string_view name) const { return {this, name, 0, false}; }
  [[nodiscard]] Path at(std::size_t index) const { return {this, {}, index, true}; }
  // RFC 6901: "/files/0/name", "" for the document. A name that is longer than any of ours is cut.
  [[nodiscard]] std::string pointer() const;

 private:
  Path(const Path* parent, std::string_view name, std::size_t index, bool is_index)
      : parent_(parent), name_(name), index_(index), is_index_(is_index) {}

  const Path* parent_ = nullptr;
  std::string_view name_;
  std::size_t index_ = 0;
  bool is_index_ = false;
};

struct FieldFault {
  std::string pointer;
  FaultCode code = FaultCode::invalid_value;
  std::string detail;  // for people; fit for a terminal; nothing of this host
};

// In the order in which they were found. So many are kept that a person can mend a request with
// one look, and so few that a hostile one does not become a hundred times its size.
class Faults {
 public:
  static constexpr std::size_t kMost = 100;

  void add(const Path& path, FaultCode code, std::string detail);
  // Those of a part of the document, whose places are of the whole.
  void add(Faults others);
  [[nodiscard]] bool empty() const { return list_.empty(); }
  // Further ones are only counted, so that their details need not be made.
  [[nodiscard]] bool is_full() const { return list_.size() == kMost; }
  [[nodiscard]] const std::vector<FieldFault>& list() const { return list_; }
  [[nodiscard]] std::size_t count() const { return list_.size() + omitted_; }
  [[nodiscard]] std::size_t omitted() const { return omitted_; }  // beyond those in the list

 private:
  std::vector<FieldFault> list_;
  std::size_t omitted_ = 0;
};

// A stranger's word in a message: 'abc', printable and cut.
std::string shown(std::string_view word);

}  // namespace retort::api
