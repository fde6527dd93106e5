#include "coordinator/service/module_proxy.h"

#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/go_mod_file.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "common/io/http_client.h"

namespace gofarm::service {
namespace {

constexpr int64_t kInfoBytesMax = 1 << 20;
constexpr int64_t kListBytesMax = 16 << 20;
constexpr size_t kReasonShownMax = 160;

// One line of the proxy's own words.
std::string Reason(const std::string& body) {
  const std::string_view line = std::string_view(body).substr(0, body.find('\n'));
  return Clip(EscapeForPrint(line), kReasonShownMax);
}

struct Fetched {
  VersionState state = VersionState::kUnknown;
  std::string detail;
  std::string body;
};

VersionState StateOf(const io::HttpResponse& response) {
  if (response.status == 200) return VersionState::kThere;
  if (response.status == 403) return VersionState::kRefused;
  if (response.status == 404 || response.status == 410) {
    // The proxy gave up on the origin: that says nothing about the version.
    return absl::StrContains(response.body, "fetch timed out") ? VersionState::kUnknown : VersionState::kAbsent;
  }
  return VersionState::kUnknown;
}

// The text of a JSON field whose value needs no unescaping, as versions do not. The caller checks what it gets.
std::string JsonField(std::string_view json, std::string_view name) {
  const std::string key = Cat("\"", name, "\"");
  size_t at = json.find(key);
  if (at == std::string_view::npos) return "";
  at = json.find_first_not_of(" \t\r\n", at + key.size());
  if (at == std::string_view::npos || json[at] != ':') return "";
  at = json.find_first_not_of(" \t\r\n", at + 1);
  if (at == std::string_view::npos || json[at] != '"') return "";
  const size_t end = json.find('"', at + 1);
  return end == std::string_view::npos ? "" : std::string(json.substr(at + 1, end - at - 1));
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

class HttpModuleProxy final : public ModuleProxy {
 public:
  HttpModuleProxy(goproxy::List proxies, const io::HttpClient& http) : proxies_(std::move(proxies)), http_(http) {}

  VersionAnswer Check(const Scope& scope, const std::string& module, const std::string& version) override {
    const absl::StatusOr<std::string> escaped = gomod::EscapeVersion(version);
    if (!escaped.ok()) return {.state = VersionState::kAbsent, .detail = std::string(escaped.status().message())};
    const Fetched info = Fetch(scope, module, Cat("/@v/", *escaped, ".info"), kInfoBytesMax);
    if (info.state == VersionState::kThere) {
      const std::string found = JsonField(info.body, "Version");
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
    const std::vector<std::string> versions = VersionsOf(list.body);
    GOFARM_ASSIGN_OR_RETURN(const Constraints constraints, ConstraintsOf(scope, module, versions));
    std::string chosen = gomod::ChooseLatest(module, versions, constraints.retracted, constraints.newest_has_go_mod);
    if (!chosen.empty()) return chosen;
    return AtLatest(scope, module, constraints.retracted);
  }

 private:
  struct Constraints {
    std::vector<gomod::VersionRange> retracted;
    bool newest_has_go_mod = true;
  };

  // Asks the proxies in turn, as the Go command does.
  Fetched Fetch(const Scope& scope, const std::string& module, const std::string& rest, int64_t bytes_max) const {
    const absl::StatusOr<std::string> path = gomod::EscapePath(module);
    if (!path.ok()) return {.state = VersionState::kAbsent, .detail = std::string(path.status().message())};
    Fetched worst{.state = VersionState::kAbsent};
    if (!proxies_.HasProxy())
      return {.state = VersionState::kUnknown, .detail = "no module proxy is configured (goproxy)"};
    for (const goproxy::Entry& proxy : proxies_.entries) {
      if (proxy.kind == goproxy::Entry::Kind::kOff) break;
      const std::string shown = io::RedactUrl(proxy.url);
      const absl::StatusOr<io::HttpResponse> response =
          http_.Get(scope.Within(kProxyRequestMax), proxy.UrlOf(Cat("/", *path, rest)), {.body_bytes = bytes_max});
      Fetched fetched;
      if (!response.ok()) {
        fetched.detail = Cat(shown, ": ", EscapeForPrint(Sv(response.status().message())));
      } else {
        fetched.state = StateOf(*response);
        fetched.detail = Cat(shown, " answers ", response->status);
        if (const std::string reason = Reason(response->body); !reason.empty()) fetched.detail += Cat(": ", reason);
        if (fetched.state == VersionState::kThere) {
          fetched.body = response->body;
          return fetched;
        }
      }
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

  static std::vector<std::string> VersionsOf(const std::string& list) {
    std::vector<std::string> versions;
    for (const absl::string_view line : absl::StrSplit(list, '\n', absl::SkipWhitespace())) {
      const std::string_view text = Sv(absl::StripAsciiWhitespace(line));
      versions.emplace_back(text.substr(0, text.find_first_of(" \t")));
    }
    return versions;
  }

  // What is retracted stands in the go.mod of the module's newest version, itself retracted or not.
  absl::StatusOr<Constraints> ConstraintsOf(const Scope& scope, const std::string& module,
                                            const std::vector<std::string>& versions) const {
    Constraints constraints;
    const std::string newest = gomod::NewestOf(module, versions);
    if (newest.empty()) return constraints;
    GOFARM_ASSIGN_OR_RETURN(const std::optional<std::string> text, GoModOf(scope, module, newest));
    if (!text) return constraints;
    // A go.mod that its proxy made up has this one line.
    constraints.newest_has_go_mod = Sv(absl::StripAsciiWhitespace(*text)) != Cat("module ", module);
    if (const absl::StatusOr<gomod::GoModFile> file = gomod::ParseGoMod(*text); file.ok()) {
      constraints.retracted = file->RetractedRanges();
    }
    return constraints;
  }

  absl::StatusOr<std::optional<std::string>> GoModOf(const Scope& scope, const std::string& module,
                                                     const std::string& version) const {
    GOFARM_ASSIGN_OR_RETURN(const std::string escaped, gomod::EscapeVersion(version));
    Fetched mod = Fetch(scope, module, Cat("/@v/", escaped, ".mod"), static_cast<int64_t>(gomod::kGoModBytesMax));
    if (mod.state == VersionState::kUnknown) return StatusOf(mod);
    if (mod.state != VersionState::kThere) return std::optional<std::string>();
    return std::optional<std::string>(std::move(mod.body));
  }

  absl::StatusOr<std::string> AtLatest(const Scope& scope, const std::string& module,
                                       const std::vector<gomod::VersionRange>& retracted) const {
    const Fetched latest = Fetch(scope, module, "/@latest", kInfoBytesMax);
    GOFARM_RETURN_IF_ERROR(StatusOf(latest));
    std::string version = JsonField(latest.body, "Version");
    GOFARM_RETURN_IF_ERROR_CTX(gomod::CheckVersion(version), Cat(latest.detail, ", but not with a version"));
    if (gomod::IsInAny(retracted, version)) {
      return absl::NotFoundError(Cat("every version is retracted, also the latest, ", version));
    }
    return version;
  }

  const goproxy::List proxies_;
  const io::HttpClient& http_;
};

}  // namespace

std::unique_ptr<ModuleProxy> MakeModuleProxy(const goproxy::List& proxies, const io::HttpClient& http) {
  return std::make_unique<HttpModuleProxy>(goproxy::WithoutDirect(proxies), http);
}

}  // namespace gofarm::service
