#include "cli/module_proxy.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/go_mod_file.h"
#include "common/gomod/path.h"
#include "common/goproxy/latest.h"
#include "common/io/redact_url.h"
#include "common/process/program.h"
#include "common/process/run.h"

namespace gofarm::cli {
namespace {

constexpr int64_t kListBytesMax = 16 << 20;
constexpr int64_t kInfoBytesMax = 1 << 20;
constexpr absl::Duration kGoEnvMax = absl::Seconds(30);
constexpr absl::Duration kQuestionMax = absl::Minutes(2);  // a proxy may have to fetch the version from its origin

}  // namespace

absl::StatusOr<goproxy::List> FindProxies(const Scope& scope) {
  const char* const set = std::getenv("GOPROXY");
  std::string text = set != nullptr ? set : "";
  if (text.empty()) {
    const absl::StatusOr<std::string> go = process::FindProgram("go");
    if (!go.ok()) {
      return absl::InvalidArgumentError(
          "GOPROXY is not set and there is no go in PATH to ask for it; set GOPROXY to the URL of a module proxy");
    }
    // In a folder without go.mod or go.work, whose toolchain line could start a download.
    GOFARM_ASSIGN_OR_RETURN(
        const process::CommandResult result,
        process::Run(scope.Within(kGoEnvMax),
                     {.argv = {*go, "env", "GOPROXY"},
                      .environment = process::InheritedWith({{"GOTOOLCHAIN", "local"}, {"GOWORK", "off"}}),
                      .working_directory = "/",
                      .leads = process::Leads::kGroup}));
    if (result.exit_code != 0) {
      return absl::FailedPreconditionError(Cat(*go, " env GOPROXY: ", Clip(EscapeForPrint(result.err), 1000)));
    }
    text = std::string(Sv(absl::StripAsciiWhitespace(result.out)));
  }
  absl::StatusOr<goproxy::List> list = goproxy::ParseWithoutDirect(text);
  if (!list.ok()) return absl::InvalidArgumentError(Cat("GOPROXY: ", Sv(list.status().message()), "; set GOPROXY"));
  if (!list->HasProxy()) return absl::InvalidArgumentError("GOPROXY names no proxy; set it to the URL of one");
  return list;
}

absl::Status ProxyReader::InTurn(const std::string& module, const std::string& rest,
                                 const std::function<absl::Status(const std::string& url)>& ask) const {
  GOFARM_ASSIGN_OR_RETURN(const std::string path, gomod::EscapePath(module));
  absl::Status worst = absl::NotFoundError("no proxy is asked");
  bool first = true;
  for (const goproxy::Entry& proxy : proxies_.entries) {
    if (proxy.kind != goproxy::Entry::Kind::kProxy) break;
    const absl::Status status = ask(proxy.UrlOf(Cat("/", path, rest)));
    if (status.ok()) return absl::OkStatus();
    // "Not here" of one proxy does not hide that another one gave no answer.
    const bool absent = absl::IsNotFound(status);
    if (first || !absent) worst = status;
    first = false;
    if (!proxy.GoesOn(absent)) break;
  }
  return worst;
}

absl::StatusOr<std::string> ProxyReader::Fetch(const Scope& scope, const std::string& module, const std::string& rest,
                                               int64_t bytes_max) const {
  std::string body;
  GOFARM_RETURN_IF_ERROR(InTurn(module, rest, [&](const std::string& url) -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(io::HttpResponse response,
                            http_.Get(scope.Within(kQuestionMax), url, {.body_bytes = bytes_max}));
    if (response.status != 200) return godetect::StatusOfAnswer(response, io::RedactUrl(url));
    body = std::move(response.body);
    return absl::OkStatus();
  }));
  return body;
}

absl::StatusOr<std::string> ProxyReader::Latest(const Scope& scope, const std::string& module) const {
  const absl::StatusOr<std::string> list = Fetch(scope, module, "/@v/list", kListBytesMax);
  if (!list.ok() && !absl::IsNotFound(list.status())) return list.status();
  goproxy::LatestRule rule(module, list.ok() ? goproxy::VersionsOfList(*list) : std::vector<std::string>());
  while (!rule.wants().empty()) {
    GOFARM_ASSIGN_OR_RETURN(const std::string escaped, gomod::EscapeVersion(rule.wants()));
    const absl::StatusOr<std::string> text =
        Fetch(scope, module, Cat("/@v/", escaped, ".mod"), static_cast<int64_t>(gomod::kGoModBytesMax));
    if (!text.ok() && !absl::IsNotFound(text.status())) return text.status();
    text.ok() ? rule.TakeGoMod(*text) : rule.PassOver();
  }
  std::string chosen = rule.FromList();
  if (!chosen.empty()) return chosen;
  GOFARM_ASSIGN_OR_RETURN(const std::string info, Fetch(scope, module, "/@latest", kInfoBytesMax));
  return rule.FromLatest(info);
}

absl::StatusOr<std::unique_ptr<godetect::ByteReader>> ProxyReader::OpenZip(const Scope& scope,
                                                                           const std::string& module,
                                                                           const std::string& version,
                                                                           godetect::FetchStats* stats) const {
  GOFARM_ASSIGN_OR_RETURN(const std::string escaped, gomod::EscapeVersion(version));
  std::unique_ptr<godetect::ByteReader> reader;
  GOFARM_RETURN_IF_ERROR(InTurn(module, Cat("/@v/", escaped, ".zip"), [&](const std::string& url) -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(reader, godetect::OpenHttpFile(scope, io::AskDirectly(http_), url, {}, {}, stats));
    return absl::OkStatus();
  }));
  return reader;
}

}  // namespace gofarm::cli
