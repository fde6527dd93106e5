#include "common/archives/archive_source.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/gomod/path.h"
#include "common/io/ca_bundle.h"
#include "common/io/files.h"
#include "common/io/http_client.h"
#include "common/io/redact_url.h"
#include "common/io/scratch_folder.h"
#include "common/process/run_watched.h"

namespace gofarm::archives {
namespace {

namespace fs = std::filesystem;

constexpr size_t kToolOutputMax = 4 << 20;

absl::StatusOr<std::string> FromPyPi(const Scope& scope, const Archive& archive, const Places& places,
                                     std::string_view step, const Progress& progress) {
  GOFARM_RETURN_IF_ERROR(CheckLocator(archive.locator, "=="));
  const std::string wheels = places.scratch + "/wheels";
  const std::string tmp = places.scratch + "/tmp";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(wheels));
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(tmp));
  process::Command spec;
  // The user's own environment: pip knows its index, proxies and certificates from it.
  spec.environment = process::InheritedEnvironment({"TMPDIR", "PYTHONPATH", "PYTHONHOME"});
  spec.environment.emplace_back("TMPDIR", tmp);
  if (const std::string bundle = io::FindCaBundle(); !bundle.empty()) {
    std::erase_if(spec.environment, [](const auto& variable) { return variable.first == "SSL_CERT_FILE"; });
    spec.environment.emplace_back("SSL_CERT_FILE", bundle);
  }
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
  // Always named: a coordinator fetches for hosts of other machines than its own, and a worker may build on another one
  // than its kernel's.
  for (const char* libc : {"musllinux_1_1_", "manylinux2014_", "manylinux_2_31_", "manylinux_2_36_"}) {
    spec.argv.insert(spec.argv.end(), {"--platform", Cat(libc, archive.host_arch)});
  }
  spec.argv.push_back(archive.locator);
  spec.working_directory = places.scratch;
  spec.stdout_max = kToolOutputMax;
  const absl::Time start = WallNow();
  if (progress) progress(step, 0, 0);
  absl::StatusOr<process::CommandResult> result =
      process::RunWatched(scope, spec,
                          {.tick =
                               [&] {
                                 const int64_t bytes = io::BytesSince(places.scratch, start);
                                 if (progress) progress(step, bytes, 0);
                                 return bytes <= 2 * kArchiveBytesMax;  // pip moves what it has
                               },
                           .sample = nullptr});
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
    const std::string message =
        Cat("pip download ", archive.locator, ": ", Clip(EscapeForPrint(result->err, true), 2000));
    const std::string said = absl::AsciiStrToLower(result->err);
    const bool full =
        absl::StrContains(said, "no space left on device") || absl::StrContains(said, "disk quota exceeded");
    return full ? absl::ResourceExhaustedError(message) : absl::UnavailableError(message);
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(wheels, error)) return entry.path().string();
  return absl::InternalError(Cat("pip download ", archive.locator, " left no file"));
}

// Writes what the URL gives to `path`; the HTTP status.
absl::StatusOr<int> DownloadTo(const Scope& scope, const std::string& user_agent, const std::string& url,
                               const std::string& path, std::string_view step, const Progress& progress) {
  io::Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return ErrnoStatus(errno, Cat("create ", path));
  io::HttpLimits limits;
  limits.body_bytes = kArchiveBytesMax;
  int64_t bytes = 0;
  absl::Time reported = SteadyNow();
  const io::HttpClient client(user_agent);
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

absl::StatusOr<std::string> FromUrl(const Scope& scope, const Archive& archive, const Places& places,
                                    std::string_view step, const Progress& progress) {
  const std::string path = places.scratch + "/archive";
  GOFARM_ASSIGN_OR_RETURN(const int status,
                          DownloadTo(scope, places.user_agent, archive.locator, path, step, progress));
  if (status != 200) return HttpFailure(archive.locator, status);
  return path;
}

absl::StatusOr<std::string> FromProxy(const Scope& scope, const Archive& archive, const Places& places,
                                      std::string_view step, const Progress& progress) {
  GOFARM_RETURN_IF_ERROR(CheckLocator(archive.locator, "@"));
  const size_t at = archive.locator.find('@');
  GOFARM_ASSIGN_OR_RETURN(const std::string module, gomod::EscapePath(std::string_view(archive.locator).substr(0, at)));
  GOFARM_ASSIGN_OR_RETURN(const std::string version,
                          gomod::EscapeVersion(std::string_view(archive.locator).substr(at + 1)));
  const std::string path = places.scratch + "/archive";
  absl::Status failure = absl::FailedPreconditionError("goproxy names no proxy");
  for (const goproxy::Entry& proxy : goproxy::WithoutDirect(places.goproxy).entries) {
    if (proxy.kind == goproxy::Entry::Kind::kOff) break;
    const std::string url = proxy.UrlOf(Cat("/", module, "/@v/", version, ".zip"));
    const absl::StatusOr<int> status = DownloadTo(scope, places.user_agent, url, path, step, progress);
    if (status.ok() && *status == 200) return path;
    failure = status.ok() ? HttpFailure(url, *status) : status.status();
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const bool absent = status.ok() && (*status == 404 || *status == 410);
    if (!proxy.GoesOn(absent)) break;
  }
  return Annotate(
      failure, Cat("Go from the module proxy (another way: a toolset whose archive has source \"url\" or \"folder\")"));
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

absl::Status CheckSha256(const Archive& archive, const std::string& file, std::string_view from) {
  GOFARM_ASSIGN_OR_RETURN(const digest::FileDigests digests, digest::DigestFile(file));
  if (digests.sha256 == archive.sha256) return absl::OkStatus();
  return absl::DataLossError(Cat("the archive from ", io::RedactUrl(from), " has SHA-256 ", digests.sha256, " and not ",
                                 archive.sha256, ": it is not what the toolset pins, and was thrown away"));
}

absl::StatusOr<std::string> Obtain(const Scope& scope, const Archive& archive, const Places& places,
                                   const Progress& progress) {
  const std::string step = Cat("downloading ", archive.kind, " ", archive.version);
  if (archive.source == "goproxy") return FromProxy(scope, archive, places, step, progress);
  if (archive.source == "pypi") return FromPyPi(scope, archive, places, step, progress);
  if (archive.source == "url") return FromUrl(scope, archive, places, step, progress);
  if (archive.source == "folder") return FromFolder(scope, archive);
  return absl::InvalidArgumentError(Cat("toolchain source \"", EscapeForPrint(archive.source), "\" is unknown"));
}

}  // namespace gofarm::archives
