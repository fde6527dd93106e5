#include "coordinator/catalog/upstream.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/catalog/proxy_ask.h"

namespace gofarm::catalog {
namespace {

io::BudgetLimits BudgetOf(const Budgets& budgets, Service service) {
  switch (service) {
    case Service::kIndex:
      return budgets.index;
    case Service::kProxy:
      return budgets.proxy;
    case Service::kPkgsite:
      return budgets.pkgsite;
    case Service::kDepsdev:
      return budgets.depsdev;
    case Service::kGithub:
      return budgets.github;
  }
  return {};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Upstream>> Upstream::Make(const Config& config, const goproxy::List& proxies,
                                                         const std::string& version, const Clock& clock) {
  GOFARM_ASSIGN_OR_RETURN(std::string agent, UserAgent(version, config.contact));
  std::string token;
  if (!config.github_token_file.empty()) {
    GOFARM_ASSIGN_OR_RETURN(token, ReadToken(config.github_token_file));
  }
  std::unique_ptr<Upstream> out(new Upstream(std::move(agent)));
  const auto gate = [&](Service service, std::vector<std::string> urls) -> absl::StatusOr<ServiceGate*> {
    GOFARM_ASSIGN_OR_RETURN(std::unique_ptr<ServiceGate> made,
                            ServiceGate::Make({.service = service,
                                               .urls = std::move(urls),
                                               .allow_private = config.allow_private,
                                               .budget = BudgetOf(config.budgets, service)},
                                              out->http_, clock));
    out->gates_.push_back(std::move(made));
    return out->gates_.back().get();
  };
  GOFARM_ASSIGN_OR_RETURN(ServiceGate * index, gate(Service::kIndex, {config.index_url}));
  GOFARM_ASSIGN_OR_RETURN(ServiceGate * depsdev, gate(Service::kDepsdev, {config.depsdev_url}));
  GOFARM_ASSIGN_OR_RETURN(ServiceGate * github, gate(Service::kGithub, {config.github_url}));
  GOFARM_ASSIGN_OR_RETURN(ServiceGate * pkgsite, gate(Service::kPkgsite, {config.pkgsite_url}));
  out->index_ = std::make_unique<IndexClient>(*index);
  out->depsdev_ = std::make_unique<DepsdevClient>(*depsdev);
  out->github_ = std::make_unique<GithubClient>(*github, std::move(token));
  out->pkgsite_ = std::make_unique<PkgsiteClient>(*pkgsite);
  if (absl::StatusOr<std::vector<std::string>> urls = ProxyUrls(proxies); urls.ok()) {
    GOFARM_ASSIGN_OR_RETURN(ServiceGate * proxy, gate(Service::kProxy, *std::move(urls)));
    out->proxy_ = service::MakeModuleSource(proxies, AskThrough(*proxy));
    out->ask_for_zips_ = AskThrough(*proxy, kZipTryTime);
  }
  return out;
}

ServiceGate* Upstream::GateOf(Service service) const {
  for (const std::unique_ptr<ServiceGate>& gate : gates_) {
    if (gate->service() == service) return gate.get();
  }
  return nullptr;
}

void Upstream::SetBudgets(const Budgets& budgets) {
  for (const std::unique_ptr<ServiceGate>& gate : gates_) gate->SetBudget(BudgetOf(budgets, gate->service()));
}

std::vector<GateStatus> Upstream::Status() const {
  std::vector<GateStatus> all;
  for (const std::unique_ptr<ServiceGate>& gate : gates_) all.push_back(gate->Status());
  return all;
}

std::string Upstream::WhyPaused(Service service, absl::Time now) const {
  const ServiceGate* gate = GateOf(service);
  if (gate == nullptr) return "no module proxy is configured (goproxy)";
  const GateStatus status = gate->Status();
  return status.paused_until > now ? (status.reason.empty() ? "paused" : status.reason) : "";
}

}  // namespace gofarm::catalog
