// Instance: a keeper's claim to one number, and with it to a folder, a block of ids and a folder of
// control groups.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/cgroup.h"

namespace retort::keeper {

// Where instances live: /run/retort for root, $XDG_RUNTIME_DIR/retort or /tmp/retort-UID for
// others.
std::string state_root();

class Instance {
 public:
  // Under a lock that all keepers of this user take in turn: removes what dead keepers left
  // (control groups with whatever is in them, folders), then claims `wanted`, or the lowest free
  // number. Fault::busy when `wanted` is taken. Before acquire_ids: control groups are found by the
  // ids that the host knows us by.
  static base::Result<std::unique_ptr<Instance>> claim(std::optional<unsigned> wanted);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  // Removes the groups and the folder, and gives the number back. Takes its turn.
  ~Instance();

  [[nodiscard]] unsigned number() const { return number_; }
  // A folder to mount the images on, in a mount namespace of the keeper's own.
  [[nodiscard]] std::string image_folder() const { return folder_ + "/image"; }
  // Null where this user can have no control groups; why_no_groups() says what to do about it.
  [[nodiscard]] kernel::Groups* groups() const { return groups_.get(); }
  [[nodiscard]] const std::string& why_no_groups() const { return why_no_groups_; }

 private:
  Instance(unsigned number, std::string folder, base::Fd lock)
      : number_(number), folder_(std::move(folder)), lock_(std::move(lock)) {}
  base::Status furnish();

  unsigned number_;
  std::string folder_;
  base::Fd lock_;
  std::unique_ptr<kernel::Groups> groups_;
  std::string why_no_groups_;
};

}  // namespace retort::keeper
