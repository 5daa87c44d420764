// Services: what a host may have that no cell may meet. A cell that reaches one is seen from here.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace retort::selftest {

// The names by which attacks look for them.
constexpr std::string_view kServiceName = "retort-selftest";
constexpr const char* kLockedFile = "/usr/bin/env";

// Sockets that listen (TCP, UDP, local by an abstract name), objects of System V and POSIX IPC that
// everyone may read and that hold the secret, locks on a file of the image. Gone with this object.
class Services {
 public:
  static base::Result<std::unique_ptr<Services>> open(const std::string& secret);
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;
  ~Services();

  // One line for each that was reached since the last call.
  std::vector<std::string> faults();

 private:
  Services() = default;
  base::Status listen(int family, int kind);
  base::Status listen_locally(const std::string& name);
  base::Status make_objects(const std::string& secret);

  struct Listener {
    std::string name;
    base::Fd socket;
    bool datagrams = false;
  };
  std::vector<Listener> listeners_;
  base::Fd locked_;
  int memory_ = -1;
  int messages_ = -1;
  std::string posix_memory_;
};

}  // namespace retort::selftest
