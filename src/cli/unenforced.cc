// Unenforced: names to bits, and bits to a refusal.
#include "cli/unenforced.h"

#include "cell/limits.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

Result<std::uint32_t> parse_unenforced(const std::vector<std::string>& names) {
  std::uint32_t mask = 0;
  for (const std::string& name : names) {
    const auto limit = cell::find_limit(name);
    if (!limit) return Error{Fault::invalid, "--allow-unenforced: '" + name + "' is no limit", 0};
    mask |= 1U << static_cast<unsigned>(*limit);
  }
  return mask;
}

Status check_enforceable(const keeper::Abilities& abilities, std::uint32_t allowed) {
  const std::uint32_t missing = abilities.unenforceable & ~allowed;
  if (missing == 0) return {};
  std::string names;
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    if ((missing >> static_cast<unsigned>(info.limit) & 1U) != 0)
      names.append(names.empty() ? "" : ",").append(info.name);
  }
  return Error{Fault::unsupported,
               names + " cannot be enforced here: " + abilities.reason +
                   "; to go without, say --allow-unenforced " + names,
               0};
}

}  // namespace retort::cli
