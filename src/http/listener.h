// Listener: a socket that accepts connections, of either kind.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/error.h"
#include "base/fd.h"
#include "http/wire.h"

namespace retort::http {

class Listener {
 public:
  // See Server for each.
  static base::Result<std::unique_ptr<Listener>> on_tcp(asio::io_context& context,
                                                        std::string_view address);
  static base::Result<std::unique_ptr<Listener>> on_unix(asio::io_context& context,
                                                         const std::string& path,
                                                         mode_t mode);
  static base::Result<std::unique_ptr<Listener>> on(asio::io_context& context, base::Fd listening);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(); }

  struct Accepted {
    base::Fd socket;  // not blocking
    int family = 0;
    std::string peer;     // for people
    std::string address;  // what per-address limits count by; empty: no such limit
  };
  // Nothing: nobody waits any more. Errors have errno.
  base::Result<std::optional<Accepted>> accept();
  // Returns when somebody waits; false when the listener was closed.
  Task<bool> wait();
  void close();

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] bool is_open() const { return descriptor_.is_open(); }

 private:
  explicit Listener(asio::io_context& context) : descriptor_(context) {}

  asio::posix::stream_descriptor descriptor_;
  std::string address_;
  // Of the file that is ours to remove.
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace retort::http
