// retort serve: settings, a keeper, and then the server without any privilege.
#include "cli/serve.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "api/server.h"
#include "api/service_manager.h"
#include "cli/commands.h"
#include "cli/unenforced.h"
#include "cli/workbench.h"
#include "kernel/credentials.h"
#include "kernel/files.h"
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

// The folder that the server keeps its state in, as the user that it becomes owns it.
Status make_state_folder(const std::string& path, uid_t user, gid_t group) {
  const std::string parent = path.substr(0, path.rfind('/'));
  if (!parent.empty()) RETORT_CHECK(kernel::make_directory(AT_FDCWD, parent, 0755));
  RETORT_CHECK(kernel::make_directory(AT_FDCWD, path, 0700));
  RETORT_TRY(const base::Fd folder,
             kernel::open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat info{};
  if (::fstat(folder.get(), &info) != 0) return base::os_error("fstat", path);
  if (info.st_uid == user) return {};
  // Only a folder of root's own is given away, and never one that holds another's files.
  if (info.st_uid != 0) {
    return Error{Fault::denied,
                 path + " belongs to user id " + std::to_string(info.st_uid) +
                     "; give it to the server's user, or set server.state to another folder",
                 0};
  }
  if (::fchown(folder.get(), user, group) != 0) return base::os_error("chown", path);
  return {};
}

// Root becomes somebody who may nothing. Others stay who they are, and have no capability to lose.
Status give_up_privilege(const api::Settings& settings) {
  if (::geteuid() != 0) {
    RETORT_CHECK(make_state_folder(settings.server.state, ::geteuid(), ::getegid()));
    return kernel::forbid_new_privileges();
  }
  const std::string& name = settings.server.user;
  const passwd* const user = ::getpwnam(name.c_str());
  if (user == nullptr) {
    return Error{Fault::not_found,
                 "there is no user " + name +
                     ", whom the server becomes; as root: useradd --system --user-group "
                     "--no-create-home --shell /usr/sbin/nologin " +
                     name + " (or set server.user)",
                 0};
  }
  if (user->pw_uid == 0)
    return Error{Fault::invalid, "server.user: the server does not stay root", 0};
  const uid_t id = user->pw_uid;
  const gid_t group = user->pw_gid;
  RETORT_CHECK(make_state_folder(settings.server.state, id, group));
  // Ids first: without the capability to set them they could not be changed.
  RETORT_CHECK(kernel::become(id, group));
  RETORT_CHECK(kernel::drop_all_capabilities());
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
