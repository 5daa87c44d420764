// Service manager: what systemd hands to a service that it starts, and what it is told. The only
// place that includes libsystemd. Started by anybody else, there are no sockets and nobody is told.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"

namespace retort::api {

// A socket that somebody else bound and listens on.
struct PassedSocket {
  base::Fd socket;
  std::string address;  // "127.0.0.1:8080", "[::1]:8080"; of a Unix socket empty
};

// The sockets of a socket unit (sd_listen_fds(3)), once: children do not get them, nor hear of
// them. Fault::invalid names those that are no listening stream sockets of TCP or Unix.
base::Result<std::vector<PassedSocket>> take_passed_sockets();

// sd_notify(3): jobs are taken; the stop has begun.
void tell_ready();
void tell_stopping();
// That the server's thread still turns (WatchdogSec= of systemd.service(5)), as often as
// `alive_every` says; 0: nobody wants to know.
void tell_alive();
base::Duration alive_every();

}  // namespace retort::api
