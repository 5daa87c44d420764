// Server: everything that `retort serve` is made of, put together and run to its end.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/offers.h"
#include "api/settings.h"
#include "base/error.h"
#include "base/fd.h"
#include "keeper/client.h"
#include "kernel/event_loop.h"
#include "runtime/catalogue.h"

namespace retort::api {

struct ServerParts {
  Settings settings;
  const runtime::Catalogue& catalogue;
  std::map<std::string, Measured> measured;
  kernel::EventLoop& loop;
  std::unique_ptr<keeper::Client> keeper;
  std::string version;                 // Retort's own
  std::uint32_t allow_unenforced = 0;  // bits per cell::Limit
  // Sockets that listen already (service_manager.h); no other is made then.
  std::vector<base::Fd> sockets;
  // Another keeper in the place of one that died; null: the server ends then.
  std::function<base::Result<std::unique_ptr<keeper::Client>>()> replace_keeper;
  // The settings as they are now, for SIGHUP.
  std::function<base::Result<Settings>()> reload;
};

// Listens, tells the service manager, serves, and returns when it has been told to stop (SIGTERM,
// SIGINT: drained; a second time: at once) and every job has ended. An Error: it could not start,
// or cannot go on.
base::Status serve(ServerParts parts);

}  // namespace retort::api
