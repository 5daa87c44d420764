// Stored charges: what jobs that wait in the database were charged with when they were accepted.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "api/cpu_quotas.h"

namespace retort::api {

// One thread. After a restart there are none: a job that finds none is charged when it begins.
class StoredCharges {
  using Charges = std::map<std::string, std::shared_ptr<CpuQuotas::Charge>>;  // by job

 public:
  // Of a job that is being stored. Unless it is kept, the charge goes with this, which may outlive
  // the charges.
  class Entry {
   public:
    Entry(Entry&&) noexcept = default;
    Entry& operator=(Entry&&) = delete;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
      if (charges_) charges_->erase(id_);
    }
    void keep() { charges_.reset(); }

   private:
    friend class StoredCharges;
    Entry(std::shared_ptr<Charges> charges, std::string id)
        : charges_(std::move(charges)), id_(std::move(id)) {}
    std::shared_ptr<Charges> charges_;
    std::string id_;
  };

  // Before the job is stored: it may be taken as soon as it is.
  [[nodiscard]] Entry put(const std::string& id, CpuQuotas::Charge charge) {
    (*charges_)[id] = std::make_shared<CpuQuotas::Charge>(std::move(charge));
    return {charges_, id};
  }
  // Null: it is not known.
  [[nodiscard]] std::shared_ptr<CpuQuotas::Charge> take(const std::string& id) {
    auto node = charges_->extract(id);
    return node.empty() ? nullptr : std::move(node.mapped());
  }

 private:
  std::shared_ptr<Charges> charges_ = std::make_shared<Charges>();
};

}  // namespace retort::api
