#include <gofarm/v1/worker.pb.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/vocab/name_rule.h"
#include "common/vocab/session.h"
#include "common/wire/offer.h"
#include "common/wire/report.h"
#include "common/wire/worker_report.h"
#include "coordinator/rpc/convert.h"

namespace gofarm::rpc {
namespace {

absl::Status Wrong(std::string_view what, std::string_view why) {
  return absl::InvalidArgumentError(Cat(what, ": ", why));
}

absl::Status CheckText(std::string_view what, const std::string& text, size_t max) {
  if (text.size() > max) return Wrong(what, Cat("has ", text.size(), " bytes, at most ", max, " are allowed"));
  return absl::OkStatus();
}

absl::Status CheckNotNegative(std::string_view what, double n) {
  if (std::isfinite(n) && n >= 0) return absl::OkStatus();
  return Wrong(what, "must be a number that is not negative");
}

absl::Status CheckCount(std::string_view what, int count, size_t max) {
  if (static_cast<size_t>(count) > max)
    return Wrong(what, Cat("has ", count, " entries, at most ", max, " are allowed"));
  return absl::OkStatus();
}

absl::StatusOr<Target> FromTarget(std::string_view what, int number) {
  for (const Target t : kAllTargets) {
    if (static_cast<int>(t) == number) return t;
  }
  return Wrong(what, Cat("target number ", number, " is unknown; this coordinator knows ", kTargetNames));
}

absl::StatusOr<Phase> FromPhase(std::string_view what, int number) {
  if (number >= static_cast<int>(Phase::kSeed) && number <= static_cast<int>(Phase::kUpload))
    return static_cast<Phase>(number);
  return Wrong(what, Cat("phase number ", number, " is unknown"));
}

}  // namespace

absl::StatusOr<domain::SessionRequest> FromHello(const v1::Hello& in) {
  if (in.protocol_version() != kProtocolVersion) {
    return absl::FailedPreconditionError(Cat("this worker speaks protocol version ", in.protocol_version(),
                                             ", this coordinator version ", kProtocolVersion,
                                             "; run a worker and a coordinator of the same release"));
  }
  GOFARM_RETURN_IF_ERROR_CTX(CheckName(in.name()), "hello.name");
  GOFARM_RETURN_IF_ERROR_CTX(CheckName(in.instance()), "hello.instance");
  GOFARM_RETURN_IF_ERROR_CTX(CheckName(in.host_arch()), "hello.host_arch");
  GOFARM_RETURN_IF_ERROR(CheckText("hello.build_version", in.build_version(), kShortTextMax));
  GOFARM_RETURN_IF_ERROR(CheckText("hello.isolation_error", in.isolation_error(), kDetailMax));
  if (in.slots() < 0 || in.slots() > dispatch::kSlotsMax) {
    return Wrong("hello.slots", Cat(in.slots(), " is not between 0 and ", dispatch::kSlotsMax));
  }
  GOFARM_RETURN_IF_ERROR(CheckNotNegative("hello.memory_bytes", static_cast<double>(in.memory_bytes())));
  GOFARM_RETURN_IF_ERROR(CheckNotNegative("hello.pid", in.pid()));
  GOFARM_RETURN_IF_ERROR(CheckCount("hello.targets", in.targets_size(), kAllTargets.size()));
  GOFARM_RETURN_IF_ERROR(CheckCount("hello.attempts", in.attempts_size(), domain::kAnnouncedMax));
  domain::SessionRequest out;
  out.labels.insert(in.labels().begin(), in.labels().end());
  if (const absl::Status labels = CheckLabels(out.labels); !labels.ok()) {
    return Wrong("hello.labels", Sv(labels.message()));
  }
  std::set<Target> targets;
  for (const int number : in.targets()) {
    GOFARM_ASSIGN_OR_RETURN(const Target target, FromTarget("hello.targets", number));
    targets.insert(target);
  }
  std::set<int64_t> tokens;
  for (const v1::RunningAttempt& a : in.attempts()) {
    if (a.token() <= 0 || a.job_id() <= 0 || !tokens.insert(a.token()).second) {
      return Wrong("hello.attempts",
                   Cat("token ", a.token(), " of job ", a.job_id(), " is no attempt, or named twice"));
    }
    out.attempts.push_back({AttemptToken{a.token()}, JobId{a.job_id()}, a.ended()});
  }
  out.name = in.name();
  out.instance = in.instance();
  out.host_arch = in.host_arch();
  out.build_version = EscapeAndClip(in.build_version(), kShortTextMax);
  out.pid = in.pid();
  out.targets.assign(targets.begin(), targets.end());
  out.slots = in.slots();
  out.memory_bytes = in.memory_bytes();
  out.isolation_error = EscapeAndClip(in.isolation_error(), kDetailMax, /*keep_newlines=*/true);
  return out;
}

absl::StatusOr<Progress> FromProgress(const v1::Progress& in) {
  if (in.token() <= 0) return Wrong("progress.token", Cat(in.token(), " is no token"));
  GOFARM_RETURN_IF_ERROR(CheckText("progress.variant", in.variant(), kShortTextMax));
  GOFARM_RETURN_IF_ERROR(CheckText("progress.detail", in.detail(), kDetailMax));
  GOFARM_RETURN_IF_ERROR(CheckNotNegative("progress.bytes_done", static_cast<double>(in.bytes_done())));
  GOFARM_RETURN_IF_ERROR(CheckNotNegative("progress.bytes_total", static_cast<double>(in.bytes_total())));
  GOFARM_RETURN_IF_ERROR(CheckNotNegative("progress.phase_seconds", in.phase_seconds()));
  Progress out;
  GOFARM_ASSIGN_OR_RETURN(out.phase, FromPhase("progress.phase", in.phase()));
  GOFARM_RETURN_IF_ERROR(CheckCount("progress.phases", in.phases_size(), kPhases));
  const auto reach = [&](Phase phase) {
    if (std::find(out.phases.begin(), out.phases.end(), phase) == out.phases.end()) out.phases.push_back(phase);
  };
  for (const int number : in.phases()) {
    GOFARM_ASSIGN_OR_RETURN(const Phase phase, FromPhase("progress.phases", number));
    reach(phase);
  }
  reach(out.phase);
  out.variant = EscapeAndClip(in.variant(), kShortTextMax);
  out.detail = EscapeAndClip(in.detail(), kDetailMax);
  out.bytes_done = in.bytes_done();
  out.bytes_total = in.bytes_total();
  out.phase_seconds = in.phase_seconds();
  return out;
}

absl::StatusOr<WorkerReport> FromReport(const v1::WorkerReport& in) {
  WorkerReport out = wire::WorkerReportFromProto(in);
  GOFARM_RETURN_IF_ERROR(CleanReport(out));
  return out;
}

absl::StatusOr<domain::CompletedAttempt> FromComplete(const v1::CompleteRequest& in) {
  if (in.token() <= 0 || in.job_id() <= 0) {
    return Wrong("complete", Cat("token ", in.token(), " of job ", in.job_id(), " is no attempt"));
  }
  domain::CompletedAttempt out{wire::ReportFromProto(in)};
  out.token = AttemptToken{in.token()};
  out.job = JobId{in.job_id()};
  return out;
}

void ToProto(const goproxy::Settings& in, v1::GoSettings& out) {
  out.set_goproxy(in.goproxy);
  out.set_gosumdb(in.gosumdb);
  out.set_gonosumdb(in.gonosumdb);
  out.set_goprivate(in.goprivate);
}

v1::CoordinatorMessage ToProto(int64_t epoch, const dispatch::SessionMessage& message) {
  v1::CoordinatorMessage out;
  out.set_epoch(epoch);
  struct Fill {
    v1::CoordinatorMessage& out;
    void operator()(const dispatch::Welcome& m) const {
      v1::Welcome& w = *out.mutable_welcome();
      w.set_session_id(m.session.value);
      w.set_lease_seconds(absl::ToDoubleSeconds(domain::kLease));
      w.set_heartbeat_seconds(absl::ToDoubleSeconds(domain::kHeartbeatInterval));
      for (const AttemptToken t : m.keep) w.add_keep(t.value);
      for (const AttemptToken t : m.drop) w.add_drop(t.value);
      if (m.toolsets == nullptr) return;
      for (const Toolset& t : *m.toolsets) {
        v1::Toolset& toolset = *w.add_toolsets();
        toolset.set_name(t.name);
        for (const std::string& go : t.go_versions) toolset.add_go_versions(go);
        toolset.set_previous_go(t.previous_go);
        toolset.set_zig_version(t.zig_version);
        toolset.set_digest(t.digest);
        for (const Archive& a : t.archives) {
          v1::Archive& archive = *toolset.add_archives();
          archive.set_kind(a.kind);
          archive.set_version(a.version);
          archive.set_host_arch(a.host_arch);
          archive.set_source(a.source);
          archive.set_locator(a.locator);
          archive.set_sha256(a.sha256);
        }
      }
    }
    void operator()(const Offer& m) const { wire::ToProto(m, *out.mutable_offer()); }
    void operator()(const dispatch::Cancel& m) const { out.mutable_cancel()->set_token(m.token.value); }
    void operator()(const dispatch::Drop& m) const { out.mutable_drop()->set_token(m.token.value); }
    void operator()(const dispatch::Drain&) const { out.mutable_drain(); }
  };
  std::visit(Fill{out}, message);
  return out;
}

}  // namespace gofarm::rpc
