// Routes: the table of operations. src/api/openapi.json describes each of them.
#include "api/routes.h"

#include "store/keys.h"

namespace retort::api {

const std::vector<Service::Route>& Service::routes() {
  constexpr std::uint32_t kRun = store::scope::kRun;
  constexpr std::uint32_t kRead = store::scope::kRead;
  constexpr std::uint32_t kManage = store::scope::kManage;
  static const std::vector<Route> kTable = {
      {"POST", "/v1/run", "run", kRun, &Service::run},
      {"POST", "/v1/jobs", "jobs.create", kRun, &Service::create_job},
      {"GET", "/v1/jobs", "jobs.list", kRead, &Service::list_jobs},
      {"GET", "/v1/jobs/{id}", "jobs.show", kRead, &Service::show_job},
      {"DELETE", "/v1/jobs/{id}", "jobs.delete", kRun, &Service::delete_job},
      {"GET", "/v1/jobs/{id}/events", "jobs.events", kRead, &Service::follow_job},
      {"POST", "/v1/batches", "batches.run", kRun, &Service::run_batch},
      {"GET", "/v1/interactive", "interactive", kRun, &Service::interact},
      {"GET", "/v1/runtimes", "runtimes.list", kRead, &Service::list_runtimes},
      {"GET", "/v1/runtimes/{id}", "runtimes.show", kRead, &Service::show_runtime},
      {"GET", "/v1/keys", "keys.list", kManage, &Service::list_keys},
      {"POST", "/v1/keys", "keys.create", kManage, &Service::create_key},
      {"GET", "/v1/keys/{id}", "keys.show", kManage, &Service::show_key},
      {"DELETE", "/v1/keys/{id}", "keys.revoke", kManage, &Service::revoke_key},
      {"GET", "/v1/audit", "audit.list", kManage, &Service::list_audit},
      {"PUT", "/v1/blobs/{sha256}", "blobs.put", kRun, &Service::store_blob},
      {"GET", "/v1/blobs/{sha256}", "blobs.get", kRead, &Service::send_blob},
      {"DELETE", "/v1/blobs/{sha256}", "blobs.delete", kRun, &Service::forget_blob},
      {"GET", "/health", "health", 0, &Service::health},
      {"GET", "/metrics", "metrics", 0, &Service::metrics},
      {"GET", "/openapi.json", "openapi", 0, &Service::openapi},
  };
  return kTable;
}

std::vector<std::string> Service::operations() {
  std::vector<std::string> names = {"none", "preflight"};
  for (const Route& route : routes()) names.emplace_back(route.operation);
  return names;
}

}  // namespace retort::api
