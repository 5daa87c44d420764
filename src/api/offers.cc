// Offers: names to runtimes.
#include "api/offers.h"

#include <optional>
#include <utility>

#include "base/bytes.h"
#include "text/nearest.h"

namespace retort::api {
namespace {

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

NoOffer unknown(std::string detail) {
  return {.code = FaultCode::unknown_runtime, .is_version = false, .detail = std::move(detail)};
}

}  // namespace

Offers::Offers(const runtime::Catalogue& catalogue,
               const std::map<std::string, Measured>& measured,
               const Settings& settings,
               bool can_unpack)
    : can_unpack_(can_unpack) {
  for (const runtime::CatalogueEntry& entry : catalogue.entries()) {
    const std::string& id = entry.manifest.id;
    // One that is broken by claiming another's name is not what the name leads to.
    const auto owner = catalogue.find(id);
    if (!owner || *owner != &entry || !settings.is_enabled(id)) continue;
    Offer offer{.entry = &entry, .version = {}, .digest = {}};
    if (const auto known = measured.find(id); known != measured.end()) {
      offer.version = known->second.version;
      offer.digest = known->second.digest;
    }
    by_name_.emplace(id, offers_.size());
    offers_.push_back(std::move(offer));
  }
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    for (const std::string& alias : offers_[i].entry->manifest.aliases) by_name_.emplace(alias, i);
  }
}

std::expected<const Offer*, NoOffer> Offers::find(std::string_view name,
                                                  std::string_view version) const {
  const std::string wanted = lowered(name.substr(0, 256));
  const auto found = by_name_.find(wanted);
  if (found == by_name_.end() || name.size() > wanted.size()) {
    std::vector<std::string> names;
    for (const auto& [known, place] : by_name_) names.push_back(known);
    std::string detail = "there is no runtime " + shown(name) + " here";
    if (const auto near = text::nearest(wanted, names)) {
      return std::unexpected(unknown(detail + "; did you mean '" + *near + "'?"));
    }
    std::vector<std::string> ids;
    for (const Offer& offer : offers_) ids.push_back(offer.entry->manifest.id);
    return std::unexpected(unknown(detail + text::suggestion("", ids)));
  }
  const Offer& offer = offers_[found->second];
  if (!offer.entry->is_available()) {
    return std::unexpected(
        NoOffer{.code = FaultCode::runtime_unavailable,
                .is_version = false,
                .detail = "the runtime '" + offer.entry->manifest.id +
                          (offer.entry->is_broken() ? "' is not in order on this server"
                                                    : "' is not installed on this server")});
  }
  if (version.empty() || version == "*") return &offer;
  if (!offer.version.empty() && runtime::is_version_match(offer.version, version)) return &offer;
  NoOffer refusal = unknown("there is no version " + shown(version) + " of '" +
                            offer.entry->manifest.id + "' here; ");
  refusal.is_version = true;
  refusal.detail += offer.version.empty() ? "which one this is, is not known"
                                          : "there is " + base::printable(offer.version);
  return std::unexpected(std::move(refusal));
}

}  // namespace retort::api
