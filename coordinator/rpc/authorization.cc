#include "coordinator/rpc/authorization.h"

#include <algorithm>
#include <iterator>

#include "common/base/text.h"

namespace gofarm::rpc {
namespace {

struct Rule {
  std::string_view method;
  Role least;
  bool on_standby = false;
  bool of_session = false;       // carries a session's secret
  bool open = false;             // to strangers too
  std::string_view action = "";  // what the audit calls it; empty: it changes nothing, or is written where it is done
};

constexpr Rule kRules[] = {
    {.method = "/gofarm.v1.Farm/Submit", .least = Role::kOperator, .action = "submit"},
    {"/gofarm.v1.Farm/ListBatches", Role::kViewer},
    {"/gofarm.v1.Farm/GetBatch", Role::kViewer},
    {.method = "/gofarm.v1.Farm/CancelBatch", .least = Role::kOperator, .action = "batch cancel"},
    {.method = "/gofarm.v1.Farm/RetryBatch", .least = Role::kOperator, .action = "batch retry"},
    {"/gofarm.v1.Farm/WatchBatch", Role::kViewer},
    {"/gofarm.v1.Farm/ListJobs", Role::kViewer},
    {"/gofarm.v1.Farm/GetJob", Role::kViewer},
    {.method = "/gofarm.v1.Farm/CancelJob", .least = Role::kOperator, .action = "job cancel"},
    {.method = "/gofarm.v1.Farm/RetryJob", .least = Role::kOperator, .action = "job retry"},
    {"/gofarm.v1.Farm/ReadLog", Role::kViewer},
    {"/gofarm.v1.Farm/ListArtifacts", Role::kViewer},
    {"/gofarm.v1.Farm/Download", Role::kViewer},
    {"/gofarm.v1.Farm/ListWorkers", Role::kViewer},
    {.method = "/gofarm.v1.Farm/DrainWorkers", .least = Role::kOperator, .action = "worker drain"},
    {.method = "/gofarm.v1.Farm/UndrainWorkers", .least = Role::kOperator, .action = "worker undrain"},
    {.method = "/gofarm.v1.Farm/RemoveWorker", .least = Role::kAdmin, .action = "worker remove"},
    {"/gofarm.v1.Farm/GetFarmStatus", Role::kViewer, /*on_standby=*/true},
    {.method = "/gofarm.v1.Catalog/RunStages", .least = Role::kOperator, .action = "catalog run"},
    {.method = "/gofarm.v1.Catalog/PauseStage", .least = Role::kOperator, .action = "catalog pause"},
    {"/gofarm.v1.Catalog/GetCatalogStatus", Role::kViewer},
    {.method = "/gofarm.v1.Catalog/Ingest", .least = Role::kOperator, .action = "catalog ingest"},
    {.method = "/gofarm.v1.Catalog/ImportList", .least = Role::kOperator, .action = "catalog import"},
    {.method = "/gofarm.v1.Catalog/ImportTopic", .least = Role::kOperator, .action = "catalog import"},
    {"/gofarm.v1.Catalog/GetCatalogStats", Role::kViewer},
    {"/gofarm.v1.Catalog/GetFunnel", Role::kViewer},
    {"/gofarm.v1.Catalog/GetUpdates", Role::kViewer},
    {"/gofarm.v1.Catalog/ShowModule", Role::kViewer},
    {"/gofarm.v1.Catalog/WhyModule", Role::kViewer},
    {"/gofarm.v1.Catalog/ListVersions", Role::kViewer},
    {"/gofarm.v1.Catalog/SearchModules", Role::kViewer},
    {.method = "/gofarm.v1.Catalog/RefreshModule", .least = Role::kOperator, .action = "catalog refresh"},
    {.method = "/gofarm.v1.Catalog/Select", .least = Role::kOperator, .action = "catalog select"},
    {"/gofarm.v1.Catalog/CheckForecast", Role::kViewer},
    {"/gofarm.v1.Worker/Session", Role::kWorker},
    {"/gofarm.v1.Worker/AppendLog", Role::kWorker, false, /*of_session=*/true},
    {"/gofarm.v1.Worker/UploadBlob", Role::kWorker, false, /*of_session=*/true},
    {"/gofarm.v1.Worker/Complete", Role::kWorker, false, /*of_session=*/true},
    {"/gofarm.v1.Worker/FetchArchive", Role::kWorker},
    {"/gofarm.v1.Identity/GetAuthority", Role::kNone, /*on_standby=*/true, false, /*open=*/true},
    {"/gofarm.v1.Identity/Join", Role::kNone, false, false, /*open=*/true},
    // Its handler asks for the certificate, which may have run out.
    {"/gofarm.v1.Identity/Renew", Role::kNone, false, false, /*open=*/true},
    {"/gofarm.v1.Identity/WhoAmI", Role::kNone},
    {"/gofarm.v1.Identity/CreateToken", Role::kAdmin},
    {"/gofarm.v1.Identity/ListTokens", Role::kAdmin},
    {"/gofarm.v1.Identity/RevokeToken", Role::kAdmin},
    {"/gofarm.v1.Identity/ListIdentities", Role::kAdmin},
    {"/gofarm.v1.Identity/GetIdentity", Role::kAdmin},
    {"/gofarm.v1.Identity/RevokeIdentity", Role::kAdmin},
    {"/gofarm.v1.Identity/ReadAudit", Role::kAdmin},
    {"/gofarm.v1.Identity/GetAuthorityState", Role::kAdmin},
    {"/gofarm.v1.Identity/RotateAuthority", Role::kAdmin},
    {"/gofarm.v1.Publish/GetKeys", Role::kViewer},
    {"/gofarm.v1.Publish/GetStatus", Role::kViewer},
    {"/gofarm.v1.Publish/ListPublications", Role::kViewer},
    {.method = "/gofarm.v1.Publish/Retry", .least = Role::kOperator, .action = "publish retry"},
    {.method = "/gofarm.v1.Publish/Pause", .least = Role::kOperator, .action = "publish pause"},
    {.method = "/gofarm.v1.Publish/Resume", .least = Role::kOperator, .action = "publish resume"},
    {.method = "/gofarm.v1.Publish/Withdraw", .least = Role::kOperator, .action = "publish withdraw"},
    {"/gofarm.v1.Publish/CheckPublication", Role::kOperator},
    {"/gofarm.v1.Publish/ListWithdrawals", Role::kViewer},
    {"/gofarm.v1.Publish/ListAttachments", Role::kViewer},
    {.method = "/gofarm.v1.Publish/Rebuild", .least = Role::kOperator, .action = "publish rebuild"},
    {.method = "/gofarm.v1.Publish/RotateKey", .least = Role::kAdmin, .action = "keys rotate"},
    {"/grpc.health.v1.Health/Check", Role::kViewer, /*on_standby=*/true},
    {"/grpc.health.v1.Health/Watch", Role::kViewer, /*on_standby=*/true},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Role::kViewer, /*on_standby=*/true},
};

// An admin's socket serves embedded workers too; no other role stands for a worker's.
bool Suffices(Role role, Role least) {
  if (role == Role::kAdmin) return true;
  if (least == Role::kNone) return role != Role::kNone;  // anybody who belongs to the farm
  if (role == Role::kWorker || least == Role::kWorker) return role == least;
  return role >= least;
}

const Rule* RuleOf(std::string_view method) {
  const Rule* rule =
      std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& r) { return r.method == method; });
  return rule == std::end(kRules) ? nullptr : rule;
}

std::string Needed(Role least) { return least == Role::kNone ? "an identity" : Cat("the role ", Name(least)); }

}  // namespace

std::vector<std::string_view> MethodNames() {
  std::vector<std::string_view> names;
  for (const Rule& rule : kRules) names.push_back(rule.method);
  return names;
}

bool IsOpen(std::string_view method) {
  const Rule* rule = RuleOf(method);
  return rule != nullptr && rule->open;
}

std::string_view AuditedAs(std::string_view method) {
  const Rule* rule = RuleOf(method);
  return rule == nullptr ? "" : rule->action;
}

absl::Status Allow(std::string_view method, const PeerIdentity& peer, const CallFacts& facts) {
  const Rule* rule = RuleOf(method);
  if (rule == nullptr) {
    return absl::UnimplementedError(Cat("this coordinator has no method ", EscapeForPrint(method)));
  }
  if (!rule->open && !Suffices(peer.role, rule->least)) {
    return absl::PermissionDeniedError(Cat(method, " takes ", Needed(rule->least), "; this is ", Name(peer.role),
                                           peer.name.empty() ? "" : " ", peer.name));
  }
  if (!facts.standby.empty() && !rule->on_standby) return absl::UnavailableError(facts.standby);
  if (rule->of_session && peer.secret_sha256.empty()) {
    return absl::UnauthenticatedError(
        Cat(method, " takes the secret of the worker's session: open a session and send what its Welcome gave"));
  }
  return absl::OkStatus();
}

}  // namespace gofarm::rpc
