// Offers: the runtimes that this server lets its callers use, and whether it takes archives.
#pragma once

#include <expected>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/faults.h"
#include "api/settings.h"
#include "runtime/catalogue.h"

namespace retort::api {

struct Offer {
  const runtime::CatalogueEntry* entry = nullptr;  // never null; it need not be available
  std::string version;                             // "" when it is not known
  std::string digest;                              // of the image; "" when it is not known
};

// What was found out about a runtime beside its manifest.
struct Measured {
  std::string version;
  std::string digest;
};

// Why there is none.
struct NoOffer {
  FaultCode code = FaultCode::unknown_runtime;  // or runtime_unavailable
  bool is_version = false;                      // the version is to blame, not the name
  std::string detail;                           // without paths of this host
};

class Offers {
 public:
  Offers() = default;
  // Runtimes that `settings` switch off are not offered: they are as unknown as any other word.
  // `measured` by id; `can_unpack` as job::can_unpack says. The catalogue must outlive this.
  Offers(const runtime::Catalogue& catalogue,
         const std::map<std::string, Measured>& measured,
         const Settings& settings,
         bool can_unpack);

  // In the order of the ids, those that are not available included.
  [[nodiscard]] std::span<const Offer> all() const { return offers_; }

  [[nodiscard]] bool can_unpack() const { return can_unpack_; }

  // One that can be used. `name` is an id or an alias, capitals do not matter; `version` a prefix
  // in whole components, "" or "*" for any. The pointer is not null and good while this is.
  [[nodiscard]] std::expected<const Offer*, NoOffer> find(std::string_view name,
                                                          std::string_view version) const;

 private:
  bool can_unpack_ = false;
  std::vector<Offer> offers_;
  std::map<std::string, std::size_t, std::less<>> by_name_;  // ids and aliases
};

}  // namespace retort::api
