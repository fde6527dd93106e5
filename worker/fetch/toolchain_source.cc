#include "worker/fetch/toolchain_source.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "common/archives/archive_source.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/io/ca_bundle.h"
#include "common/io/files.h"
#include "common/process/run.h"
#include "worker/fetch/command.h"
#include "worker/fetch/fetch_errors.h"

namespace gofarm::fetch {
namespace {

constexpr size_t kToolOutputMax = 4 << 20;

// Runs a tool that downloads into `scratch`, with progress by what it has written there.
absl::StatusOr<process::CommandResult> RunTool(const Scope& scope, const process::Command& spec,
                                               const std::string& scratch, std::string_view step,
                                               const FetchProgress& progress) {
  const absl::Time start = WallNow();
  if (progress) progress(step, 0, 0);
  return RunWatched(scope, spec, [&] {
    const int64_t bytes = BytesSince(scratch, start);
    if (progress) progress(step, bytes, 0);
    return bytes <= 2 * archives::kArchiveBytesMax;  // go also unpacks
  });
}

absl::Status ToolFailure(std::string_view tool, std::string_view output) {
  const std::string text = Clip(EscapeForPrint(output, true), 2000);
  switch (ClassifyFetchError(output)) {
    case FailureClass::kSourceUnavailable:
      return absl::NotFoundError(Cat(tool, ": ", text));
    case FailureClass::kDiskFull:
      return absl::ResourceExhaustedError(Cat(tool, ": ", text));
    case FailureClass::kSourceInvalid:
      return absl::DataLossError(Cat(tool, ": ", text));
    default:
      return absl::UnavailableError(Cat(tool, ": ", text));
  }
}

absl::StatusOr<std::string> FromGoProxy(const Scope& scope, const Archive& archive, const ArchiveSource& source,
                                        std::string_view step, const FetchProgress& progress) {
  GOFARM_RETURN_IF_ERROR(archives::CheckLocator(archive.locator, "@"));
  const std::string mod = source.scratch + "/mod";
  const std::string work = source.scratch + "/work";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(work));
  process::Command spec;
  spec.argv = {source.go, "mod", "download", "-json", archive.locator};
  spec.environment = DownloadEnvironment(source.proxy, mod, work);
  spec.working_directory = work;
  spec.stdout_max = kToolOutputMax;
  GOFARM_ASSIGN_OR_RETURN(const process::CommandResult result, RunTool(scope, spec, mod, step, progress));
  const DownloadAnswer answer = ParseDownloadAnswer(result.out);
  if (result.exit_code != 0 || !answer.error.empty() || answer.zip.empty()) {
    return ToolFailure(Cat("go mod download ", archive.locator), answer.error.empty() ? result.err : answer.error);
  }
  return answer.zip;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> DownloadEnvironment(const ProxyEnvironment& proxy,
                                                                     const std::string& mod_cache,
                                                                     const std::string& scratch) {
  std::vector<std::pair<std::string, std::string>> environment = {
      {"CGO_ENABLED", "1"},
      {"GO111MODULE", "on"},
      {"GOCACHE", scratch + "/gocache"},
      {"GOENV", "off"},
      {"GOFLAGS", "-mod=mod -modcacherw"},
      {"GOMODCACHE", mod_cache},
      {"GONOSUMDB", proxy.gonosumdb},
      {"GOPATH", scratch + "/gopath"},
      {"GOPRIVATE", proxy.goprivate},
      {"GOPROXY", goproxy::ToText(goproxy::WithoutDirect(proxy.goproxy))},
      {"GOSUMDB", proxy.gosumdb},
      {"GOTOOLCHAIN", "local"},
      {"GOVCS", "*:off"},
      {"GOWORK", "off"},
      {"HOME", scratch},
      {"LANG", "C"},
      {"PATH", scratch + "/no-programs"},
      {"TMPDIR", scratch},
      // Go's telemetry, which goes there, ends in a process that outlives the command and writes when scratch is gone
      // already.
      {"XDG_CONFIG_HOME", "/dev/null"},
  };
  for (const char* name :
       {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_DIR"}) {
    if (const char* value = std::getenv(name)) environment.emplace_back(name, value);
  }
  if (const std::string bundle = io::FindCaBundle(); !bundle.empty()) {
    environment.emplace_back("SSL_CERT_FILE", bundle);
  }
  std::sort(environment.begin(), environment.end());
  return environment;
}

bool NeedsGo(const Archive& archive, const ProxyEnvironment& proxy) {
  return archive.source == "goproxy" && proxy.gosumdb != "off";
}

absl::StatusOr<std::string> ObtainArchive(const Scope& scope, const Archive& archive, const ArchiveSource& source,
                                          const FetchProgress& progress) {
  if (NeedsGo(archive, source.proxy)) {
    return FromGoProxy(scope, archive, source, Cat("downloading ", archive.kind, " ", archive.version), progress);
  }
  return archives::Obtain(scope, archive,
                          {.goproxy = source.proxy.goproxy, .scratch = source.scratch, .user_agent = "gofarm-worker"},
                          progress);
}

}  // namespace gofarm::fetch
