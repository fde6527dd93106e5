#include "coordinator/catalog/service_gate.h"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"

namespace gofarm::catalog {
namespace {

constexpr absl::Duration kStopCheck = absl::Milliseconds(100);  // a wait sees a stop or a new budget this late at most
constexpr size_t kReasonShownMax = 200;
constexpr size_t kContactMax = 200;

bool IsPrintableAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// The service's own words, fit for a log line.
std::string Words(const io::HttpResponse& response) {
  const std::string_view body = response.body;
  const size_t begin = std::min(body.find_first_not_of(" \t\r\n"), body.size());
  const std::string_view line = body.substr(begin, body.find_first_of("\r\n", begin) - begin);
  return Clip(EscapeForPrint(line), kReasonShownMax);
}

absl::Status ToStatus(ErrorClass error, std::string_view text) {
  switch (error) {
    case ErrorClass::kRefused:
      return absl::PermissionDeniedError(Av(text));
    case ErrorClass::kTooLarge:
      return absl::ResourceExhaustedError(Av(text));
    default:
      return absl::UnavailableError(Av(text));
  }
}

double RealRandom() {
  thread_local std::minstd_rand engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

}  // namespace

absl::StatusOr<std::string> UserAgent(std::string_view version, std::string_view contact) {
  // A parenthesis would end the comment that the contact stands in.
  if (!IsPrintableAscii(contact) || contact.size() > kContactMax ||
      contact.find_first_of("()\\") != std::string_view::npos) {
    return absl::InvalidArgumentError(Cat("contact \"", Clip(EscapeForPrint(contact), kContactMax),
                                          "\" is not an address of mail or of a page in at most ", kContactMax,
                                          " printable ASCII characters without parentheses"));
  }
  if (contact.empty()) return Cat("gofarm/", version);
  return Cat("gofarm/", version, " (+", contact, ")");
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  GOFARM_ASSIGN_OR_RETURN_CTX(const std::string text, io::ReadFile(path, kTokenBytesMax), "token file");
  const std::string_view token = Sv(absl::StripAsciiWhitespace(text));
  if (token.empty()) return absl::InvalidArgumentError(Cat("token file ", path, " is empty"));
  if (!IsPrintableAscii(token) || token.find(' ') != std::string_view::npos) {
    return absl::InvalidArgumentError(Cat("token file ", path, " holds more than one word of printable ASCII"));
  }
  return std::string(token);
}

absl::StatusOr<std::unique_ptr<ServiceGate>> ServiceGate::Make(GateOptions options, const io::HttpClient& http,
                                                               const Clock& clock, Sleep sleep, Random random) {
  const std::string_view name = ServiceName(options.service);
  if (options.urls.empty()) return absl::InvalidArgumentError(Cat("no address of the service ", name));
  if (options.urls.size() > kOriginsMax) {
    return absl::InvalidArgumentError(
        Cat(options.urls.size(), " addresses of the service ", name, ", at most ", kOriginsMax, " are taken"));
  }
  std::vector<io::Url> origins;
  for (std::string& url : options.urls) {
    while (!url.empty() && url.back() == '/') url.pop_back();
    GOFARM_ASSIGN_OR_RETURN_CTX(io::Url origin, io::ParseUrl(url), Cat("address of the service ", name));
    origins.push_back(std::move(origin));
  }
  if (!sleep) sleep = [](const Scope& scope, absl::Duration d) { return sync::SleepFor(scope, d); };
  if (!random) random = &RealRandom;
  return std::unique_ptr<ServiceGate>(
      new ServiceGate(std::move(options), std::move(origins), http, clock, std::move(sleep), std::move(random)));
}

ServiceGate::ServiceGate(GateOptions options, std::vector<io::Url> origins, const io::HttpClient& http,
                         const Clock& clock, Sleep sleep, Random random)
    : options_(std::move(options)),
      origins_(std::move(origins)),
      http_(http),
      clock_(clock),
      sleep_(std::move(sleep)),
      random_(std::move(random)) {
  absl::MutexLock lock(&mutex_);
  budget_.SetLimits(options_.budget);
}

bool ServiceGate::MayBePrivate(const io::Url& url) const {
  return std::any_of(origins_.begin(), origins_.end(), [&](const io::Url& o) { return url.SameOrigin(o); }) ||
         std::find(options_.allow_private.begin(), options_.allow_private.end(), url.host) !=
             options_.allow_private.end();
}

absl::Status ServiceGate::Paused(absl::Time now) const {
  if (!pause_.IsPaused(now)) return absl::OkStatus();
  return absl::UnavailableError(Cat("paused until ",
                                    absl::FormatTime(absl::RFC3339_sec, WallOf(pause_.until()), absl::UTCTimeZone()),
                                    ": ", pause_.reason()));
}

// After OK, Release must follow.
absl::Status ServiceGate::Take(const Scope& scope) {
  while (true) {
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), "waiting for its request budget");
    absl::Duration wait;
    {
      absl::MutexLock lock(&mutex_);
      const absl::Time now = clock_.Now();
      GOFARM_RETURN_IF_ERROR(Paused(now));
      const absl::Time next = std::max(hold_until_, budget_.NextAt(now));
      if (next <= now && budget_.TryTake(now)) {
        ++requests_;
        return absl::OkStatus();
      }
      if (next == absl::InfiniteFuture()) {
        // As many as are allowed are under way: one that ends wakes this one.
        sync::WaitFor(changed_, mutex_, std::min(scope.Remaining(), kStopCheck));
        continue;
      }
      wait = std::min(next - now, kStopCheck);
    }
    (void)sleep_(scope, wait);
  }
}

void ServiceGate::Release() {
  absl::MutexLock lock(&mutex_);
  budget_.Release();
  changed_.SignalAll();
}

void ServiceGate::Note(const Verdict& verdict, absl::Time now, double random, const std::string& why) {
  std::string paused_why;
  absl::Time paused_until;
  {
    const absl::MutexLock lock(&mutex_);
    const bool before = pause_.IsPaused(now);
    NoteLocked(verdict, now, random, why);
    if (!before && pause_.IsPaused(now)) {
      paused_why = pause_.reason();
      paused_until = pause_.until();
    }
  }
  if (paused_why.empty()) return;
  obs::Warn("catalog_service_paused",
            {{"service", std::string(ServiceName(options_.service))},
             {"until", absl::FormatTime(absl::RFC3339_sec, paused_until, absl::UTCTimeZone())},
             {"reason", EscapeForPrint(paused_why)}});
}

void ServiceGate::NoteLocked(const Verdict& verdict, absl::Time now, double random, const std::string& why) {
  if (verdict.error) {
    ++errors_[static_cast<size_t>(*verdict.error)];
    limits_in_a_row_ = *verdict.error == ErrorClass::kRateLimited ? limits_in_a_row_ + 1 : 0;
    pause_.OnFailure(now, random, why);
  } else {
    ++answers_;
    limits_in_a_row_ = 0;
    pause_.OnSuccess();
  }
  if (verdict.hold_until) hold_until_ = std::max(hold_until_, *verdict.hold_until);
  if (verdict.pause_until) pause_.PauseUntil(*verdict.pause_until, now, Cat("rate limit: ", why));
}

absl::StatusOr<io::HttpResponse> ServiceGate::Ask(const Scope& scope, const io::HttpRequest& request,
                                                  const AskOptions& options) {
  return Ask(scope, request, options, nullptr);
}

absl::StatusOr<io::HttpResponse> ServiceGate::Ask(const Scope& scope, const io::HttpRequest& request,
                                                  const AskOptions& options, const io::HttpClient::BodySink& sink) {
  const std::string_view name = ServiceName(options_.service);
  io::HttpLimits limits{.body_bytes = options.body_bytes, .public_addresses_only = true};
  limits.may_be_private = [this](const io::Url& url) { return MayBePrivate(url); };
  int64_t sink_took = 0;  // bytes, in one try
  absl::Status sink_said;
  io::HttpClient::BodySink counted;
  if (sink) {
    counted = [&](const io::HttpResponse& head, std::string_view piece) {
      sink_took += static_cast<int64_t>(piece.size());
      sink_said = sink(head, piece);
      return sink_said;
    };
  }
  for (int tries = 1;; ++tries) {
    GOFARM_RETURN_IF_ERROR_CTX(Take(scope), name);
    if (options.begin) options.begin();
    sink_took = 0;
    const Scope one = scope.Within(options.try_time);
    absl::StatusOr<io::HttpResponse> response = http_.Send(one, request, limits, counted);
    Release();
    // What the caller, its sink or its own short time ended says nothing about the service.
    const bool out_of_time = absl::IsDeadlineExceeded(response.status()) && one.deadline == scope.deadline;
    if (!sink_said.ok() || absl::IsCancelled(response.status()) || out_of_time || (!response.ok() && scope.Done())) {
      return Annotate(response.status(), name);
    }

    Reply reply{.code = response.status().code()};
    std::string why;
    if (response.ok()) {
      reply = ReplyOf(response->status, response->headers, response->retry_after, response->body);
      why = Cat("answers ", response->status);
      const std::optional<BodyFault> fault = options.judge ? options.judge(*response) : std::nullopt;
      if (fault) {
        reply.body_error = fault->error;
        reply.body_may_change = fault->may_change;
        if (fault->resets_at) reply.limit_resets_at = fault->resets_at;
        why = Cat(why, ", ", fault->why);
      } else if (const std::string words = Words(*response); response->status >= 400 && !words.empty()) {
        why = Cat(why, ": ", words);
      }
    } else {
      why = std::string(response.status().message());
    }
    if (reply.limit_resets_at) reply.limit_resets_at = SteadyOf(*reply.limit_resets_at);
    const absl::Time now = clock_.Now();
    const double random = random_();
    int limits_in_a_row = 0;
    {
      absl::MutexLock lock(&mutex_);
      limits_in_a_row = limits_in_a_row_ + 1;
      if (response.ok()) bytes_ += static_cast<int64_t>(response->body.size()) + sink_took;
    }
    const Verdict verdict = JudgeReply(reply, options.retry, tries, limits_in_a_row, now, random);
    Note(verdict, now, random, why);
    if (verdict.kind == Verdict::Kind::kAnswer) return response;
    if (verdict.kind == Verdict::Kind::kGiveUp || (sink_took > 0 && !options.begin)) {
      const std::string after = tries > 1 ? Cat(" after ", tries, " tries") : "";
      return ToStatus(*verdict.error, Cat(name, ": ", io::MethodName(request.method), " ", io::RedactUrl(request.url),
                                          ": ", EscapeForPrint(why), after));
    }
    if (!sleep_(scope, verdict.wait)) {
      return Annotate(scope.Check(), Cat(name, ": waiting to ask again, as it ", EscapeForPrint(why)));
    }
  }
}

bool ServiceGate::WaitUntil(const Scope& scope, absl::Time time) {
  const absl::Duration wait = time - clock_.Now();
  return wait <= absl::ZeroDuration() ? !scope.Done() : sleep_(scope, wait);
}

void ServiceGate::PauseUntil(absl::Time until, std::string_view why) {
  absl::MutexLock lock(&mutex_);
  pause_.PauseUntil(until, clock_.Now(), why);
}

void ServiceGate::SetBudget(const io::BudgetLimits& limits) {
  absl::MutexLock lock(&mutex_);
  budget_.SetLimits(limits);
  changed_.SignalAll();
}

GateStatus ServiceGate::Status() const {
  absl::MutexLock lock(&mutex_);
  GateStatus status{.service = options_.service,
                    .host = origins_.front().host.empty() ? origins_.front().scheme : origins_.front().host,
                    .requests = requests_,
                    .answers = answers_,
                    .bytes = bytes_};
  if (pause_.IsPaused(clock_.Now())) {
    status.paused_until = pause_.until();
    status.reason = pause_.reason();
  }
  for (const ErrorClass error : kErrorClasses) {
    const int64_t count = errors_[static_cast<size_t>(error)];
    if (count > 0) status.errors.emplace(ErrorClassName(error), count);
  }
  return status;
}

}  // namespace gofarm::catalog
