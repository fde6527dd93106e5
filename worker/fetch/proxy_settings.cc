#include "worker/fetch/proxy_settings.h"

#include <cstdlib>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/goproxy/list.h"
#include "common/obs/log.h"

namespace gofarm::fetch {
namespace {

// Fills what is empty of `chosen` from `next`, and says so.
void Take(const ProxyEnvironment& next, std::string_view origin, ProxyEnvironment& chosen, ProxyOrigins& origins) {
  const ProxyEnvironment before = chosen;
  chosen = FilledUp(std::move(chosen), next);
  if (before.goproxy.empty() && !chosen.goproxy.empty()) origins.goproxy = origin;
  if (before.gosumdb.empty() && !chosen.gosumdb.empty()) origins.gosumdb = origin;
  if (before.gonosumdb.empty() && !chosen.gonosumdb.empty()) origins.gonosumdb = origin;
  if (before.goprivate.empty() && !chosen.goprivate.empty()) origins.goprivate = origin;
}

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

ProxySettings::ProxySettings(ProxyEnvironment fixed) : fixed_(true), configured_(std::move(fixed)) {}

ProxySettings::ProxySettings(ProxyEnvironment configured, ProxyEnvironment of_process, AskGo ask_go)
    : fixed_(false),
      configured_(std::move(configured)),
      of_process_(std::move(of_process)),
      ask_go_(std::move(ask_go)) {}

void ProxySettings::Welcomed(ProxyEnvironment of_coordinator) {
  absl::MutexLock lock(&mutex_);
  of_coordinator_ = std::move(of_coordinator);
}

absl::StatusOr<ProxyEnvironment> ProxySettings::Get(const Scope& scope) const {
  if (fixed_) return configured_;
  ProxyOrigins origins{"none", "none", "none", "none"};
  ProxyEnvironment chosen;
  Take(configured_, "configuration", chosen, origins);
  if (configured_.goproxy.empty()) Take(of_process_, "environment", chosen, origins);
  {
    absl::MutexLock lock(&mutex_);
    Take(of_coordinator_, "coordinator", chosen, origins);
    if (!chosen.goproxy.empty()) {
      Note(chosen, origins);
      return chosen;
    }
  }
  absl::MutexLock one(&asking_);
  bool answered = false;
  {
    absl::MutexLock lock(&mutex_);
    answered = go_answered_;
  }
  if (!answered) {
    GOFARM_ASSIGN_OR_RETURN_CTX(ProxyEnvironment of_go, ask_go_(scope),
                                "neither this worker nor its coordinator is told of a module proxy (goproxy in either "
                                "configuration, or GOPROXY), so Go is asked");
    absl::MutexLock lock(&mutex_);
    of_go_ = std::move(of_go);
    go_answered_ = true;
  }
  absl::MutexLock lock(&mutex_);
  Take(of_go_, "go env", chosen, origins);
  Note(chosen, origins);
  return chosen;
}

void ProxySettings::Note(const ProxyEnvironment& chosen, const ProxyOrigins& origins) const {
  const std::string proxies = goproxy::Redacted(chosen.goproxy);
  std::string note = Cat(proxies, "\n", origins.goproxy, "\n", chosen.gosumdb, "\n", origins.gosumdb, "\n",
                         chosen.gonosumdb, "\n", origins.gonosumdb, "\n", chosen.goprivate, "\n", origins.goprivate);
  if (note == noted_) return;
  noted_ = std::move(note);
  obs::Info("go_settings", {{"goproxy", proxies},
                            {"goproxy_from", std::string(origins.goproxy)},
                            {"gosumdb", chosen.gosumdb},
                            {"gosumdb_from", std::string(origins.gosumdb)},
                            {"gonosumdb", chosen.gonosumdb},
                            {"gonosumdb_from", std::string(origins.gonosumdb)},
                            {"goprivate", chosen.goprivate},
                            {"goprivate_from", std::string(origins.goprivate)}});
}

ProxyEnvironment ProxyOfProcess() {
  ProxyEnvironment found{
      .gosumdb = Variable("GOSUMDB"), .gonosumdb = Variable("GONOSUMDB"), .goprivate = Variable("GOPRIVATE")};
  if (const std::string text = Variable("GOPROXY"); !text.empty()) {
    absl::StatusOr<goproxy::List> list = goproxy::ParseWithoutDirect(text);
    if (list.ok()) {
      found.goproxy = *std::move(list);
    } else {
      obs::Warn("goproxy_of_environment", {{"error", std::string(list.status().message())}});
    }
  }
  return found;
}

}  // namespace gofarm::fetch
