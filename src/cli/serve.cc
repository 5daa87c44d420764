// retort serve: settings, a keeper, and then the server without any privilege.
#include "cli/serve.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "api/server.h"
#include "api/service_manager.h"
#include "cli/commands.h"
#include "cli/state_owner.h"
#include "cli/unenforced.h"
#include "cli/workbench.h"
#include "kernel/credentials.h"
#include "runtime/image_digest.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

using Sockets = std::vector<api::PassedSocket>;

// The settings say who may come in by where they listen: also where it was not they who chose.
Result<api::Settings> settings_for(const ServeOptions& options, const Sockets& sockets) {
  ConfigOptions config = options.config;
  std::vector<std::string> addresses = options.listen;
  if (!sockets.empty() && !addresses.empty()) {
    return Error{Fault::invalid,
                 "--listen " + addresses.front() +
                     ": the service manager passes the sockets on; write the address into its "
                     "socket unit",
                 0};
  }
  for (const api::PassedSocket& passed : sockets) {
    if (!passed.address.empty()) addresses.push_back(passed.address);
  }
  for (const std::string& address : addresses) config.sets.push_back("server.listen=" + address);
  return settings_of(config);
}

Result<runtime::Catalogue> catalogue_of(const api::Settings& settings) {
  if (settings.server.runtimes.empty()) return load_catalogue();
  return runtime::Catalogue::load(settings.server.runtimes);
}

// Asked of each runtime's own program, in a cell, before there are strangers.
std::map<std::string, api::Measured> measure(Workbench& bench,
                                             const runtime::Catalogue& catalogue) {
  std::map<std::string, api::Measured> measured;
  for (const runtime::CatalogueEntry& entry : catalogue.entries()) {
    if (!entry.is_available()) continue;
    measured[entry.manifest.id] = {.version = find_version(bench, entry.manifest).value_or(""),
                                   .digest = runtime::runtime_digest(entry.manifest).value_or("")};
  }
  return measured;
}

// Root becomes somebody who may nothing. Others stay who they are, and have no capability to lose.
Status give_up_privilege(const api::Settings& settings) {
  const bool was_root = ::geteuid() == 0;
  // Ids first: without the capability to set them they could not be changed.
  RETORT_CHECK(enter_state(settings));
  if (was_root) RETORT_CHECK(kernel::drop_all_capabilities());
  return kernel::forbid_new_privileges();
}

Status run_server(const ServeOptions& options) {
  RETORT_TRY(Sockets sockets, api::take_passed_sockets());
  RETORT_TRY(api::Settings settings, settings_for(options, sockets));
  RETORT_TRY(const auto catalogue, catalogue_of(settings));
  RETORT_TRY(const auto allowed, parse_unenforced(options.allow_unenforced));
  ::signal(SIGPIPE, SIG_IGN);

  Workbench bench;
  RETORT_TRY(bench.loop, kernel::EventLoop::create());
  const std::string socket = settings.server.keeper;
  const bool is_root = ::geteuid() == 0;
  if (socket.empty()) {
    RETORT_TRY(bench.keeper, keeper::Client::start(*bench.loop));
  } else {
    RETORT_TRY(bench.keeper, keeper::Client::connect(*bench.loop, socket));
  }
  RETORT_CHECK(check_enforceable(bench.keeper->abilities(), allowed));
  auto measured = measure(bench, catalogue);
  RETORT_CHECK(give_up_privilege(settings));

  kernel::EventLoop& loop = *bench.loop;
  std::function<Result<std::unique_ptr<keeper::Client>>()> replace;
  if (!socket.empty()) {
    replace = [&loop, socket] { return keeper::Client::connect(loop, socket); };
  } else if (!is_root) {
    replace = [&loop] { return keeper::Client::start(loop); };
  }
  std::vector<base::Fd> listening;
  for (api::PassedSocket& passed : sockets) listening.push_back(std::move(passed.socket));
  return api::serve({.settings = std::move(settings),
                     .catalogue = catalogue,
                     .measured = std::move(measured),
                     .loop = loop,
                     .keeper = std::move(bench.keeper),
                     .version = RETORT_VERSION,
                     .allow_unenforced = allowed,
                     .sockets = std::move(listening),
                     .replace_keeper = std::move(replace),
                     .reload = [&] { return settings_for(options, sockets); }});
}

}  // namespace

int serve(const ServeOptions& options) {
  const auto served = run_server(options);
  if (served) return 0;
  const Fault fault = served.error().fault;
  return complain(served.error(), fault == Fault::invalid ? kUsage : kFailed);
}

}  // namespace retort::cli
