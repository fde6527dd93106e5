#include "coordinator/service/module_proxy.h"

#include <optional>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/go_mod_file.h"
#include "common/gomod/path.h"
#include "common/goproxy/latest.h"

namespace gofarm::service {
namespace {

constexpr int64_t kInfoBytesMax = 1 << 20;
constexpr int64_t kListBytesMax = 16 << 20;
constexpr int64_t kOneByteMax = 64 << 10;  // of the answer to a question for one byte: one piece of a whole zip
constexpr size_t kReasonShownMax = 160;
// So many known versions are asked for under /cached-only before a proxy is taken for one without it: a version may be
// missing there alone.
constexpr int kCachedOnlyProbes = 3;

// One line of the proxy's own words.
std::string Reason(const std::string& body) {
  const std::string_view line = std::string_view(body).substr(0, body.find('\n'));
  return Clip(EscapeForPrint(line), kReasonShownMax);
}

struct Fetched {
  VersionState state = VersionState::kUnknown;
  std::string detail;
  std::string body;
  int status = 0;                // 0: no answer
  std::optional<int64_t> bytes;  // of the whole, when the answer says it
  std::string url;
};

bool IsAbsence(int status) { return status == 404 || status == 410; }

VersionState StateOf(const io::HttpResponse& response) {
  if (response.status == 200) return VersionState::kThere;
  if (response.status == 403 || response.status == 451) return VersionState::kRefused;
  if (IsAbsence(response.status)) {
    // The proxy gave up on the origin: that says nothing about the version.
    return absl::StrContains(response.body, "fetch timed out") ? VersionState::kUnknown : VersionState::kAbsent;
  }
  return VersionState::kUnknown;
}

absl::Status StatusOf(const Fetched& fetched) {
  switch (fetched.state) {
    case VersionState::kThere:
      break;
    case VersionState::kAbsent:
      return absl::NotFoundError(fetched.detail);
    case VersionState::kRefused:
      return absl::PermissionDeniedError(fetched.detail);
    case VersionState::kUnknown:
      return absl::UnavailableError(fetched.detail);
  }
  return absl::OkStatus();
}

// Which proxies of a list answer under /cached-only. Thread-safe.
class CachedOnly {
 public:
  explicit CachedOnly(size_t proxies) : proxies_(proxies) {}

  bool Serves(size_t proxy) const {
    absl::MutexLock lock(&mutex_);
    return proxies_[proxy].serves;
  }
  // True for one caller at a time, which must tell what it found.
  bool TakeProbe(size_t proxy) {
    absl::MutexLock lock(&mutex_);
    Proxy& p = proxies_[proxy];
    if (p.serves || p.probing || p.failed >= kCachedOnlyProbes) return false;
    return p.probing = true;
  }
  // `serves` null: no answer, which says nothing.
  void Probed(size_t proxy, std::optional<bool> serves) {
    absl::MutexLock lock(&mutex_);
    Proxy& p = proxies_[proxy];
    p.probing = false;
    p.serves = serves.value_or(false);
    if (serves && !*serves) ++p.failed;
  }

 private:
  struct Proxy {
    bool serves = false;
    bool probing = false;
    int failed = 0;
  };
  mutable absl::Mutex mutex_;
  std::vector<Proxy> proxies_ ABSL_GUARDED_BY(mutex_);
};

class HttpModuleProxy final : public ModuleSource {
 public:
  HttpModuleProxy(goproxy::List proxies, io::HttpAsk ask, bool in_bulk)
      : proxies_(std::move(proxies)), ask_(std::move(ask)), in_bulk_(in_bulk), cached_only_(proxies_.entries.size()) {}

  VersionAnswer Check(const Scope& scope, const std::string& module, const std::string& version) override {
    const absl::StatusOr<std::string> escaped = gomod::EscapeVersion(version);
    if (!escaped.ok()) return {.state = VersionState::kAbsent, .detail = std::string(escaped.status().message())};
    const Fetched info = Fetch(scope, module, Cat("/@v/", *escaped, ".info"), kInfoBytesMax);
    if (info.state == VersionState::kThere) {
      const std::string found = goproxy::VersionOfInfo(info.body);
      if (!found.empty() && found != version) {
        return {.state = VersionState::kAbsent,
                .detail = Cat("it answers with ", Clip(EscapeForPrint(found), kReasonShownMax), " instead")};
      }
    }
    return {.state = info.state, .detail = info.detail};
  }

  absl::StatusOr<std::string> Latest(const Scope& scope, const std::string& module) override {
    const Fetched list = Fetch(scope, module, "/@v/list", kListBytesMax);
    if (list.state == VersionState::kRefused || list.state == VersionState::kUnknown) return StatusOf(list);
    goproxy::LatestRule rule(module, goproxy::VersionsOfList(list.body));
    while (!rule.wants().empty()) {
      GOFARM_ASSIGN_OR_RETURN(const std::optional<std::string> text, GoModOf(scope, module, rule.wants()));
      text ? rule.TakeGoMod(*text) : rule.PassOver();
    }
    std::string chosen = rule.FromList();
    if (!chosen.empty()) return chosen;
    const Fetched latest = Fetch(scope, module, "/@latest", kInfoBytesMax);
    GOFARM_RETURN_IF_ERROR(StatusOf(latest));
    return rule.FromLatest(latest.body);
  }

  ModAnswer Mod(const Scope& scope, const std::string& module, const std::string& version) override {
    const absl::StatusOr<std::string> escaped = gomod::EscapeVersion(version);
    if (!escaped.ok()) return {.state = VersionState::kAbsent, .detail = std::string(escaped.status().message())};
    const std::string rest = Cat("/@v/", *escaped, ".mod");
    Fetched mod = InTurn(module, rest, [&](size_t proxy, const std::string& path) {
      return FetchInBulk(proxy, path, true, [&](const std::string& url) {
        return FetchBody(scope, url, static_cast<int64_t>(gomod::kGoModBytesMax));
      });
    });
    return {.state = mod.state, .detail = std::move(mod.detail), .text = std::move(mod.body)};
  }

  ZipAnswer Zip(const Scope& scope, const std::string& module, const std::string& version) override {
    const absl::StatusOr<std::string> escaped = gomod::EscapeVersion(version);
    if (!escaped.ok()) return {.state = VersionState::kAbsent, .detail = std::string(escaped.status().message())};
    const std::string rest = Cat("/@v/", *escaped, ".zip");
    Fetched zip = InTurn(module, rest, [&](size_t proxy, const std::string& path) {
      return FetchInBulk(proxy, path, false, [&](const std::string& url) { return FetchSize(scope, url); });
    });
    return {.state = zip.state, .detail = std::move(zip.detail), .bytes = zip.bytes, .url = std::move(zip.url)};
  }

  absl::Status OpenZip(const Scope& scope, const std::string& module, const std::string& version,
                       const OpenUrl& open) override {
    GOFARM_ASSIGN_OR_RETURN(const std::string escaped, gomod::EscapeVersion(version));
    absl::Status opened;
    const Fetched zip = InTurn(module, Cat("/@v/", escaped, ".zip"), [&](size_t proxy, const std::string& path) {
      return FetchInBulk(proxy, path, false, [&](const std::string& url) {
        opened = open(url);
        return ToFetched(url, opened);
      });
    });
    GOFARM_RETURN_IF_ERROR(scope.Check());
    return zip.state == VersionState::kThere ? opened : StatusOf(zip);
  }

 private:
  // What an answer, or none, says of what was asked for. The detail goes on from the proxy's name.
  static Fetched ToFetched(const std::string& url, const absl::StatusOr<io::HttpResponse>& response) {
    Fetched fetched{.url = url};
    if (!response.ok()) {
      fetched.detail = Cat(": ", EscapeForPrint(Sv(response.status().message())));
      return fetched;
    }
    fetched.state = StateOf(*response);
    fetched.status = response->status;
    fetched.detail = Cat(" answers ", response->status);
    if (const std::string reason = Reason(response->body); !reason.empty()) fetched.detail += Cat(": ", reason);
    return fetched;
  }

  // What the caller made of an address.
  static Fetched ToFetched(const std::string& url, const absl::Status& opened) {
    Fetched fetched{.state = VersionState::kThere, .url = url};
    switch (opened.code()) {
      case absl::StatusCode::kNotFound:
        fetched.state = VersionState::kAbsent;
        fetched.status = 404;
        break;
      case absl::StatusCode::kPermissionDenied:
        fetched.state = VersionState::kRefused;
        break;
      case absl::StatusCode::kUnavailable:
      case absl::StatusCode::kCancelled:
      case absl::StatusCode::kDeadlineExceeded:
        fetched.state = VersionState::kUnknown;
        break;
      default:
        return fetched;
    }
    fetched.detail = Cat(": ", Sv(opened.message()));
    return fetched;
  }

  Fetched FetchBody(const Scope& scope, const std::string& url, int64_t bytes_max) const {
    absl::StatusOr<io::HttpResponse> response = ask_(scope, {.url = url}, {.body_bytes = bytes_max}, nullptr);
    Fetched fetched = ToFetched(url, response);
    if (fetched.state == VersionState::kThere) fetched.body = std::move(response->body);
    return fetched;
  }

  // Whether it is there, and how large. HEAD first: its refusal proves nothing (a signed address may be signed for GET
  // alone), and its 404 has no text that tells an absence from a fetch that timed out.
  Fetched FetchSize(const Scope& scope, const std::string& url) const {
    if (!absl::StartsWith(url, "file://")) {
      const absl::StatusOr<io::HttpResponse> head =
          ask_(scope, {.method = io::HttpMethod::kHead, .url = url, .compressed = false}, {}, nullptr);
      Fetched fetched = ToFetched(url, head);
      fetched.bytes = head.ok() ? head->content_length : std::nullopt;
      if (!head.ok() || (fetched.status == 200 && fetched.bytes)) return fetched;
    }
    io::HttpResponse first;
    const auto only_the_head = [&](const io::HttpResponse& head, std::string_view) {
      first = head;
      // A server without ranges sends it whole: one piece of it is enough.
      return head.status == 206 ? absl::OkStatus() : absl::CancelledError("its size is known");
    };
    const io::HttpRequest one_byte{.url = url, .range = io::ByteRange{.first = 0, .length = 1}};
    absl::StatusOr<io::HttpResponse> response = ask_(scope, one_byte, {.body_bytes = kOneByteMax}, only_the_head);
    if (!response.ok() && first.status == 200) response = first;
    Fetched fetched = ToFetched(url, response);
    if (fetched.status == 206) {
      fetched.state = VersionState::kThere;
      const std::optional<io::ContentRange> range = io::ParseContentRange(response->headers.Get("content-range"));
      if (range) fetched.bytes = range->total;
    } else if (fetched.status == 200) {
      fetched.bytes = response->content_length;
    }
    return fetched;
  }

  // `fetch` asks one URL of the proxy.
  template <typename OfUrl>
  Fetched FetchInBulk(size_t proxy, const std::string& path, bool probes, const OfUrl& fetch) {
    const goproxy::Entry& entry = proxies_.entries[proxy];
    const bool may_know = in_bulk_ && !absl::StartsWith(entry.url, "file://");
    const std::string cached_url = entry.UrlOf(Cat("/cached-only", path));
    if (may_know && cached_only_.Serves(proxy)) {
      Fetched cached = fetch(cached_url);
      if (!IsAbsence(cached.status)) return cached;
    }
    Fetched plain = fetch(entry.UrlOf(path));
    if (may_know && probes && plain.state == VersionState::kThere && cached_only_.TakeProbe(proxy)) {
      const Fetched cached = fetch(cached_url);
      const bool said = cached.state != VersionState::kUnknown || IsAbsence(cached.status);
      const bool same = cached.state == VersionState::kThere && cached.body == plain.body;
      cached_only_.Probed(proxy, said ? std::optional(same) : std::nullopt);
    }
    return plain;
  }

  Fetched Fetch(const Scope& scope, const std::string& module, const std::string& rest, int64_t bytes_max) const {
    return InTurn(module, rest, [&](size_t proxy, const std::string& path) {
      return FetchBody(scope, proxies_.entries[proxy].UrlOf(path), bytes_max);
    });
  }

  // Asks the proxies in turn, as the Go command does.
  template <typename OfProxy>
  Fetched InTurn(const std::string& module, const std::string& rest, const OfProxy& fetch) const {
    const absl::StatusOr<std::string> path = gomod::EscapePath(module);
    if (!path.ok()) return {.state = VersionState::kAbsent, .detail = std::string(path.status().message())};
    Fetched worst{.state = VersionState::kAbsent};
    if (!proxies_.HasProxy())
      return {.state = VersionState::kUnknown, .detail = "no module proxy is configured (goproxy)"};
    for (size_t i = 0; i < proxies_.entries.size(); ++i) {
      const goproxy::Entry& proxy = proxies_.entries[i];
      if (proxy.kind == goproxy::Entry::Kind::kOff) break;
      Fetched fetched = fetch(i, Cat("/", *path, rest));
      fetched.detail = Cat(io::RedactUrl(proxy.url), fetched.detail);
      if (fetched.state == VersionState::kThere) return fetched;
      // "Unknown" must not be drowned by another proxy's "not here", nor "refused".
      const bool absent = fetched.state == VersionState::kAbsent;
      if (worst.detail.empty() || fetched.state == VersionState::kUnknown ||
          (fetched.state == VersionState::kRefused && worst.state == VersionState::kAbsent)) {
        worst = std::move(fetched);
      }
      if (!proxy.GoesOn(absent)) break;
    }
    return worst;
  }

  absl::StatusOr<std::optional<std::string>> GoModOf(const Scope& scope, const std::string& module,
                                                     const std::string& version) const {
    GOFARM_ASSIGN_OR_RETURN(const std::string escaped, gomod::EscapeVersion(version));
    Fetched mod = Fetch(scope, module, Cat("/@v/", escaped, ".mod"), static_cast<int64_t>(gomod::kGoModBytesMax));
    if (mod.state == VersionState::kUnknown) return StatusOf(mod);
    if (mod.state != VersionState::kThere) return std::optional<std::string>();
    return std::optional<std::string>(std::move(mod.body));
  }

  const goproxy::List proxies_;
  const io::HttpAsk ask_;
  const bool in_bulk_;
  CachedOnly cached_only_;
};

}  // namespace

std::unique_ptr<ModuleProxy> MakeModuleProxy(const goproxy::List& proxies, const io::HttpClient& http) {
  const auto ask = [&http](const Scope& scope, const io::HttpRequest& request, const io::HttpLimits& limits,
                           const io::HttpClient::BodySink& sink) {
    return http.Send(scope.Within(kProxyRequestMax), request, limits, sink);
  };
  return std::make_unique<HttpModuleProxy>(goproxy::WithoutDirect(proxies), ask, /*in_bulk=*/false);
}

std::unique_ptr<ModuleSource> MakeModuleSource(const goproxy::List& proxies, io::HttpAsk ask) {
  return std::make_unique<HttpModuleProxy>(goproxy::WithoutDirect(proxies), std::move(ask), /*in_bulk=*/true);
}

}  // namespace gofarm::service
