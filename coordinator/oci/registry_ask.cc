#include "coordinator/oci/registry_ask.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/oci/failure.h"

namespace gofarm::oci {
namespace {

constexpr int kBurstMax = 20;
constexpr absl::Duration kClockSpare = absl::Milliseconds(50);  // libcurl's clock counts whole milliseconds

}  // namespace

absl::StatusOr<std::unique_ptr<RegistryAsk>> RegistryAsk::Make(Registry registry, AskOptions options,
                                                               const Clock& clock) {
  GOFARM_ASSIGN_OR_RETURN(io::Url origin, io::ParseUrl(registry.origin));
  const int per_minute = options.requests_per_minute;
  const std::string host = registry.host;
  std::unique_ptr<RegistryAsk> made(new RegistryAsk(std::move(registry), std::move(origin), std::move(options), clock));
  if (per_minute > 0) {
    // What one artifact needs may follow each other at once.
    const io::BudgetLimits budget{.per_second = per_minute / 60.0, .burst = std::clamp(per_minute / 6, 1, kBurstMax)};
    GOFARM_RETURN_IF_ERROR(made->http_.SetBudget(host, budget));
  }
  return made;
}

RegistryAsk::RegistryAsk(Registry registry, io::Url origin, AskOptions options, const Clock& clock)
    : registry_(std::move(registry)),
      origin_(std::move(origin)),
      options_(std::move(options)),
      http_(options_.user_agent),
      authorizer_(http_, registry_, options_.credentials, clock) {}

// A registry elsewhere sends blobs to storage of its own, by https; it may not make us ask a service of this machine.
bool RegistryAsk::MayLeadTo(const io::Url& target) const {
  if (io::IsLoopbackHost(target.host))
    return registry_.loopback && (target.scheme == "https" || target.scheme == "http");
  return target.scheme == "https";
}

absl::StatusOr<io::HttpResponse> RegistryAsk::Send(const Scope& scope, const Call& call,
                                                   const std::string& authorization) {
  absl::StatusOr<io::HttpResponse> answer = SendOnce(scope, call, authorization);
  if (options_.sent) {
    std::optional<FailureClass> failed;
    if (!answer.ok()) {
      failed = FailureOf(answer.status()).why;
    } else if (answer->status / 100 != 2) {
      failed = FailureOf(FailureOfAnswer(*answer, "ask")).why;
    }
    options_.sent(failed);
  }
  return answer;
}

absl::StatusOr<io::HttpResponse> RegistryAsk::SendOnce(const Scope& scope, const Call& call,
                                                       const std::string& authorization) {
  // Bytes are compared with digests, so nobody may pack them on the way.
  io::HttpRequest request{
      .method = call.method, .url = call.url, .headers = call.headers, .body = call.body, .compressed = false};
  if (!authorization.empty()) request.headers.Add("Authorization", authorization);
  io::HttpLimits limits{.body_bytes = call.answer_max, .low_speed_time = options_.low_speed_time};
  limits.redirects.allow = [this](const io::Url& target) { return MayLeadTo(target); };
  std::string body;
  const io::HttpClient::BodySink keep = [&body](const io::HttpResponse&, std::string_view piece) {
    body += piece;
    return absl::OkStatus();
  };
  const Scope within = call.long_transfer ? scope : scope.Within(options_.ask_time);
  absl::StatusOr<io::HttpResponse> answer = http_.Send(within, request, limits, call.sink ? call.sink : keep);
  if (!answer.ok()) {
    // The registry was too slow for our own bound; the caller has time left. The budget says so before the time is
    // over.
    const bool our_bound = within.deadline < scope.deadline && SteadyNow() + kClockSpare >= within.deadline;
    if (answer.status().code() == absl::StatusCode::kDeadlineExceeded && our_bound) {
      return MakeFailure({.why = FailureClass::kUnavailable}, Sv(answer.status().message()));
    }
    return FailureOfTransfer(answer.status());
  }
  if (answer->status / 100 == 2) answer->body = std::move(body);
  return answer;
}

absl::StatusOr<io::HttpResponse> RegistryAsk::Ask(const Scope& scope, const Call& call) {
  GOFARM_ASSIGN_OR_RETURN(const io::Url url, io::ParseUrl(call.url));
  // The upload may go on at another host, which gets the bytes and nothing else.
  if (!url.SameOrigin(origin_)) return Send(scope, call, "");
  GOFARM_ASSIGN_OR_RETURN(const std::string authorization, authorizer_.Header(scope, call.scopes));
  absl::StatusOr<io::HttpResponse> answer = Send(scope, call, authorization);
  if (!answer.ok() || answer->status != 401) return answer;
  // Where a redirect led is not who may ask for our credentials.
  const absl::StatusOr<io::Url> from = io::ParseUrl(answer->url);
  if (!from.ok() || !from->SameOrigin(origin_)) return answer;
  GOFARM_ASSIGN_OR_RETURN(const std::string renewed, authorizer_.Renew(scope, call.scopes, *answer, authorization));
  return Send(scope, call, renewed);
}

absl::StatusOr<std::string> RegistryAsk::UploadUrl(const std::string& base, std::string_view location,
                                                   std::string_view digest) const {
  if (location.empty()) return absl::InvalidArgumentError("the answer has no Location");
  GOFARM_ASSIGN_OR_RETURN(const io::Url from, io::ParseUrl(base));
  GOFARM_ASSIGN_OR_RETURN(const io::Url target, io::ResolveUrl(from, location));
  if (!MayLeadTo(target) || (from.scheme == "https" && target.scheme == "http")) {
    return absl::InvalidArgumentError(
        Cat("the upload would go on at ", io::RedactUrl(target.text),
            ", which is not followed; a registry behind a proxy must know its own https address"));
  }
  std::string url = target.text.substr(0, target.text.find('#'));
  const size_t query = url.find('?');
  const bool more = query != std::string::npos && query + 1 < url.size();
  return Cat(url, query == std::string::npos ? "?" : (more ? "&" : ""), "digest=", io::PercentEncode(digest, ":"));
}

}  // namespace gofarm::oci
