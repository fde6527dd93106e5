// The outside services as one farm asks them: a gate and a client each, made once for the process, so that budgets and
// pauses outlive a change of leadership. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/goproxy/list.h"
#include "common/io/http_client.h"
#include "coordinator/catalog/config.h"
#include "coordinator/catalog/depsdev_client.h"
#include "coordinator/catalog/github_client.h"
#include "coordinator/catalog/index_client.h"
#include "coordinator/catalog/pkgsite_client.h"
#include "coordinator/catalog/service_gate.h"
#include "coordinator/service/module_proxy.h"

namespace gofarm::catalog {

class Upstream {
 public:
  // Opens no connection. A farm without a module proxy has a catalog all the same, whose reach and detect stages say
  // so.
  static absl::StatusOr<std::unique_ptr<Upstream>> Make(const Config& config, const goproxy::List& proxies,
                                                        const std::string& version, const Clock& clock);

  IndexClient& index() { return *index_; }
  DepsdevClient& depsdev() { return *depsdev_; }
  GithubClient& github() { return *github_; }
  PkgsiteClient& pkgsite() { return *pkgsite_; }
  // Null: no proxy is configured.
  service::ModuleSource* proxy() { return proxy_.get(); }
  // Reads files of the module proxy through the same gate; only while proxy() is not null.
  const io::HttpAsk& ask_for_zips() const { return ask_for_zips_; }

  void SetBudgets(const Budgets& budgets);
  std::vector<GateStatus> Status() const;
  // Empty: it is asked.
  std::string WhyPaused(Service service, absl::Time now) const;

 private:
  explicit Upstream(std::string user_agent) : http_(std::move(user_agent)) {}
  ServiceGate* GateOf(Service service) const;

  const io::HttpClient http_;
  std::vector<std::unique_ptr<ServiceGate>> gates_;
  std::unique_ptr<IndexClient> index_;
  std::unique_ptr<DepsdevClient> depsdev_;
  std::unique_ptr<GithubClient> github_;
  std::unique_ptr<PkgsiteClient> pkgsite_;
  std::unique_ptr<service::ModuleSource> proxy_;
  io::HttpAsk ask_for_zips_;
};

}  // namespace gofarm::catalog
