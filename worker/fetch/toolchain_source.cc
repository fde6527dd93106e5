#include "worker/fetch/toolchain_source.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/digest/digest.h"
#include "common/gomod/path.h"
#include "common/io/files.h"
#include "common/io/http_client.h"
#include "common/process/run.h"
#include "worker/fetch/command.h"
#include "worker/fetch/fetch_errors.h"

namespace gofarm::fetch {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kArchiveBytesMax = int64_t{1} << 30;
constexpr size_t kToolOutputMax = 4 << 20;

// Locators come from the coordinator's configuration and become arguments: nothing that could be taken for an option.
absl::Status CheckLocator(std::string_view locator, std::string_view separator) {
  const size_t at = locator.find(separator);
  const bool plain =
      locator.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+!=@/~") ==
      std::string_view::npos;
  if (plain && at != std::string_view::npos && at > 0 && at + separator.size() < locator.size() &&
      locator.front() != '-') {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      Cat("locator \"", EscapeForPrint(locator), "\" must read name", separator, "version"));
}

// Runs a tool that downloads into `scratch`, with progress by what it has written there.
absl::StatusOr<process::CommandResult> RunTool(const Scope& scope, const process::Command& spec,
                                               const std::string& scratch, std::string_view step,
                                               const FetchProgress& progress) {
  const absl::Time start = WallNow();
  if (progress) progress(step, 0, 0);
  return RunWatched(scope, spec, [&] {
    const int64_t bytes = BytesSince(scratch, start);
    if (progress) progress(step, bytes, 0);
    return bytes <= 2 * kArchiveBytesMax;  // go also unpacks
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
  GOFARM_RETURN_IF_ERROR(CheckLocator(archive.locator, "@"));
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

absl::StatusOr<std::string> FromPyPi(const Scope& scope, const Archive& archive, const ArchiveSource& source,
                                     std::string_view step, const FetchProgress& progress) {
  GOFARM_RETURN_IF_ERROR(CheckLocator(archive.locator, "=="));
  const std::string wheels = source.scratch + "/wheels";
  const std::string tmp = source.scratch + "/tmp";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(wheels));
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(tmp));
  process::Command spec;
  // The user's own environment: pip knows its index, proxies and certificates from it.
  spec.environment = process::InheritedEnvironment({"TMPDIR", "PYTHONPATH", "PYTHONHOME"});
  spec.environment.emplace_back("TMPDIR", tmp);
  spec.argv = {"python3",
               "-m",
               "pip",
               "--no-input",
               "--disable-pip-version-check",
               "--no-cache-dir",
               "download",
               "--quiet",
               "--no-deps",
               "--only-binary=:all:",
               "-d",
               wheels};
  if (archive.host_arch != ToolchainStore::HostArch()) {
    for (const char* libc :
         {"manylinux2014_", "manylinux_2_17_", "manylinux_2_12_", "manylinux2010_", "musllinux_1_1_"}) {
      spec.argv.insert(spec.argv.end(), {"--platform", Cat(libc, archive.host_arch)});
    }
  }
  spec.argv.push_back(archive.locator);
  spec.working_directory = source.scratch;
  spec.stdout_max = kToolOutputMax;
  absl::StatusOr<process::CommandResult> result = RunTool(scope, spec, source.scratch, step, progress);
  if (!result.ok()) {
    if (result.status().code() == absl::StatusCode::kNotFound) {
      return absl::FailedPreconditionError("python3 is not installed; it brings the wheel of a toolchain");
    }
    return result.status();
  }
  if (result->exit_code != 0) {
    if (result->err.find("No module named pip") != std::string::npos) {
      return absl::FailedPreconditionError(
          "python3 has no pip (package python3-pip); it brings the wheel of a toolchain");
    }
    if (result->err.find("No matching distribution found") != std::string::npos) {
      return absl::NotFoundError(
          Cat("pip download ", archive.locator, ": ", Clip(EscapeForPrint(result->err, true), 2000)));
    }
    return ToolFailure(Cat("pip download ", archive.locator), result->err);
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(wheels, error)) return entry.path().string();
  return absl::InternalError(Cat("pip download ", archive.locator, " left no file"));
}

// Writes what the URL gives to `path`; the HTTP status.
absl::StatusOr<int> DownloadTo(const Scope& scope, const std::string& url, const std::string& path,
                               std::string_view step, const FetchProgress& progress) {
  io::Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return ErrnoStatus(errno, Cat("create ", path));
  io::HttpLimits limits;
  limits.body_bytes = kArchiveBytesMax;
  int64_t bytes = 0;
  absl::Time reported = SteadyNow();
  const io::HttpClient client("gofarm-worker");
  const auto write = [&](const io::HttpResponse& head, std::string_view piece) {
    GOFARM_RETURN_IF_ERROR(io::WriteAll(file.get(), piece, path));
    bytes += static_cast<int64_t>(piece.size());
    if (progress && SteadyNow() - reported > absl::Seconds(1)) {
      reported = SteadyNow();
      progress(step, bytes, head.content_length.value_or(0));
    }
    return absl::OkStatus();
  };
  // An archive is compressed already, and its digest is that of the bytes as they are stored.
  const io::HttpRequest request{.url = url, .compressed = false};
  GOFARM_ASSIGN_OR_RETURN(const io::HttpResponse response, client.Send(scope, request, limits, write));
  return response.status;
}

absl::Status HttpFailure(std::string_view url, int status) {
  const std::string message = Cat("get ", io::RedactUrl(url), ": HTTP status ", status);
  if (status == 403 || status == 404 || status == 410) return absl::NotFoundError(message);
  return absl::UnavailableError(message);
}

absl::StatusOr<std::string> FromUrl(const Scope& scope, const Archive& archive, const ArchiveSource& source,
                                    std::string_view step, const FetchProgress& progress) {
  const std::string path = source.scratch + "/archive";
  GOFARM_ASSIGN_OR_RETURN(const int status, DownloadTo(scope, archive.locator, path, step, progress));
  if (status != 200) return HttpFailure(archive.locator, status);
  return path;
}

// What a go command would do, but for the checksum database: the toolset's SHA-256, which the caller compares, stands
// in for it. The proxies are asked in turn, by Go's rules for "," and "|".
absl::StatusOr<std::string> FromProxyWithoutGo(const Scope& scope, const Archive& archive, const ArchiveSource& source,
                                               std::string_view step, const FetchProgress& progress) {
  GOFARM_RETURN_IF_ERROR(CheckLocator(archive.locator, "@"));
  const size_t at = archive.locator.find('@');
  GOFARM_ASSIGN_OR_RETURN(const std::string module, gomod::EscapePath(std::string_view(archive.locator).substr(0, at)));
  GOFARM_ASSIGN_OR_RETURN(const std::string version,
                          gomod::EscapeVersion(std::string_view(archive.locator).substr(at + 1)));
  const std::string path = source.scratch + "/archive";
  absl::Status failure = absl::FailedPreconditionError("goproxy names no proxy");
  for (const goproxy::Entry& proxy : goproxy::WithoutDirect(source.proxy.goproxy).entries) {
    if (proxy.kind == goproxy::Entry::Kind::kOff) break;
    const std::string url = proxy.UrlOf(Cat("/", module, "/@v/", version, ".zip"));
    const absl::StatusOr<int> status = DownloadTo(scope, url, path, step, progress);
    if (status.ok() && *status == 200) return path;
    failure = status.ok() ? HttpFailure(url, *status) : status.status();
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const bool absent = status.ok() && (*status == 404 || *status == 410);
    if (!proxy.GoesOn(absent)) break;
  }
  return Annotate(failure,
                  Cat("Go from the module proxy without a checksum database (another way: a toolset whose archive has "
                      "source \"url\" or \"folder\")"));
}

absl::StatusOr<std::string> FromFolder(const Scope& scope, const Archive& archive) {
  std::error_code error;
  if (fs::is_regular_file(archive.locator, error)) return archive.locator;
  for (const auto& entry : fs::directory_iterator(archive.locator, error)) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    if (!entry.is_regular_file(error)) continue;
    const absl::StatusOr<digest::FileDigests> digests = digest::DigestFile(entry.path().string());
    if (digests.ok() && digests->sha256 == archive.sha256) return entry.path().string();
  }
  return absl::NotFoundError(Cat("no file with SHA-256 ", archive.sha256, " in ", archive.locator));
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
  for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
                           "SSL_CERT_FILE", "SSL_CERT_DIR"}) {
    if (const char* value = std::getenv(name)) environment.emplace_back(name, value);
  }
  std::sort(environment.begin(), environment.end());
  return environment;
}

bool NeedsGo(const Archive& archive, const ProxyEnvironment& proxy) {
  return archive.source == "goproxy" && proxy.gosumdb != "off";
}

absl::StatusOr<std::string> ObtainArchive(const Scope& scope, const Archive& archive, const ArchiveSource& source,
                                          const FetchProgress& progress) {
  const std::string step = Cat("downloading ", archive.kind, " ", archive.version);
  if (NeedsGo(archive, source.proxy)) return FromGoProxy(scope, archive, source, step, progress);
  if (archive.source == "goproxy") return FromProxyWithoutGo(scope, archive, source, step, progress);
  if (archive.source == "pypi") return FromPyPi(scope, archive, source, step, progress);
  if (archive.source == "url") return FromUrl(scope, archive, source, step, progress);
  if (archive.source == "folder") return FromFolder(scope, archive);
  return absl::InvalidArgumentError(Cat("toolchain source \"", EscapeForPrint(archive.source), "\" is unknown"));
}

}  // namespace gofarm::fetch
