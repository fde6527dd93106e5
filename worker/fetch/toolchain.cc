#include "worker/fetch/toolchain.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/archives/archive_source.h"
#include "common/base/hex.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/digest/digest.h"
#include "common/io/archive.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "worker/exec/host_machine.h"
#include "worker/fetch/command.h"
#include "worker/fetch/toolchain_source.h"

namespace gofarm::fetch {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMarker = "gofarm-toolchain";
constexpr int64_t kMarkerMax = 4096;
constexpr absl::Duration kInstallMax = absl::Minutes(30);

std::string ExeOf(std::string_view kind) { return kind == "go" ? "bin/go" : "zig"; }

absl::Status CheckArchive(const Archive& archive) {
  const auto plain = [](std::string_view text) {
    return !text.empty() && text.size() <= 64 &&
           text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz.-+_") == std::string_view::npos &&
           text.front() != '.' && text.front() != '-';
  };
  if (archive.kind != "go" && archive.kind != "zig") {
    return absl::InvalidArgumentError(Cat("toolchain of unknown kind \"", EscapeForPrint(archive.kind), "\""));
  }
  if (!plain(archive.version)) {
    return absl::InvalidArgumentError(Cat("toolchain version \"", EscapeForPrint(archive.version), "\" is no version"));
  }
  if (!IsLowerHex(archive.sha256)) {
    return absl::InvalidArgumentError(
        Cat(archive.kind, " ", archive.version, ": sha256 is no SHA-256 in lower-case hex"));
  }
  return absl::OkStatus();
}

// `each` gets path, name below `root` and lstat of every entry.
template <typename Each>
absl::Status Walk(const Scope& scope, const std::string& root, const Each& each) {
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(root, error); !error && it != fs::recursive_directory_iterator();
       it.increment(error)) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const std::string path = it->path().string();
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return ErrnoStatus(errno, Cat("stat ", path));
    GOFARM_RETURN_IF_ERROR(each(path, path.substr(root.size() + 1), info));
  }
  return error ? ErrnoStatus(error.value(), Cat("walk ", root)) : absl::OkStatus();
}

// Digest over names, execute bits and contents of all files, in sorted order.
absl::StatusOr<std::string> TreeDigest(const Scope& scope, const std::string& root) {
  std::map<std::string, std::string> lines;
  GOFARM_RETURN_IF_ERROR(
      Walk(scope, root, [&](const std::string& path, const std::string& name, const struct stat& info) {
        if (S_ISREG(info.st_mode)) {
          GOFARM_ASSIGN_OR_RETURN(const digest::FileDigests digests, digest::DigestFile(path));
          lines[name] = Cat((info.st_mode & 0100) != 0 ? "x " : "- ", digests.sha256);
        } else if (S_ISLNK(info.st_mode)) {
          std::error_code error;
          lines[name] = Cat("l ", fs::read_symlink(path, error).string());
          if (error) return ErrnoStatus(error.value(), Cat("read link ", path));
        }
        return absl::OkStatus();
      }));
  digest::Sha256 hash;
  for (const auto& [name, what] : lines) hash.Update(Cat(name, "\n", what, "\n"));
  return hash.HexAndReset();
}

// The unpacked folder that holds the executable: archives put theirs into one to three folders of their own.
absl::StatusOr<std::string> FindRoot(const std::string& folder, const std::string& exe, int depth = 3) {
  std::error_code error;
  if (fs::is_regular_file(folder + "/" + exe, error)) return folder;
  if (depth > 0) {
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (!entry.is_directory(error) || entry.is_symlink(error)) continue;
      absl::StatusOr<std::string> found = FindRoot(entry.path().string(), exe, depth - 1);
      if (found.ok()) return found;
    }
  }
  return absl::InvalidArgumentError(Cat("the archive holds no ", exe));
}

// Readable for every uid, execute bits where programs stand, `_go.mod` (module zips may not hold go.mod) under its own
// name.
absl::Status Settle(const Scope& scope, const std::string& root, const std::string& kind) {
  std::vector<std::pair<std::string, std::string>> renames;
  GOFARM_RETURN_IF_ERROR(
      Walk(scope, root, [&](const std::string& path, const std::string& name, const struct stat& info) {
        if (S_ISLNK(info.st_mode)) return absl::OkStatus();
        const bool program =
            kind == "go" ? name.rfind("bin/", 0) == 0 || name.rfind("pkg/tool/", 0) == 0 : name == "zig";
        const mode_t mode = S_ISDIR(info.st_mode) || program || (info.st_mode & 0100) != 0 ? 0755 : 0644;
        if (chmod(path.c_str(), mode) != 0) return ErrnoStatus(errno, Cat("chmod ", path));
        const fs::path file(path);
        if (kind == "go" && file.filename() == "_go.mod")
          renames.emplace_back(path, (file.parent_path() / "go.mod").string());
        return absl::OkStatus();
      }));
  for (const auto& [from, to] : renames) {
    if (rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus(errno, Cat("rename ", from));
  }
  if (chmod(root.c_str(), 0755) != 0) return ErrnoStatus(errno, Cat("chmod ", root));
  return absl::OkStatus();
}

std::map<std::string, std::string> ParseMarker(std::string_view text) {
  std::map<std::string, std::string> values;
  for (const absl::string_view line : absl::StrSplit(Av(text), '\n')) {
    const size_t equals = line.find('=');
    if (equals != absl::string_view::npos)
      values[std::string(line.substr(0, equals))] = std::string(line.substr(equals + 1));
  }
  return values;
}

}  // namespace

ToolchainStore::ToolchainStore(CacheLayout cache, ProxyEnvironment proxy, std::vector<Archive> bootstrap)
    : own_proxy_(std::make_unique<const ProxySettings>(std::move(proxy))),
      proxy_(*own_proxy_),
      cache_(std::move(cache)),
      bootstrap_(std::move(bootstrap)) {}

ToolchainStore::ToolchainStore(const ProxySettings& proxy, CacheLayout cache, std::vector<Archive> bootstrap,
                               CoordinatorArchives coordinator)
    : proxy_(proxy), cache_(std::move(cache)), bootstrap_(std::move(bootstrap)), coordinator_(std::move(coordinator)) {}

std::string ToolchainStore::HostArch() { return exec::HostArch(); }

std::string ToolchainStore::FolderOf(const Archive& archive) const {
  return Cat(cache_.Toolchains(), "/", archive.kind, "-", archive.version, "-", archive.sha256.substr(0, 8));
}

absl::StatusOr<InstalledToolchain> ToolchainStore::ReadInstalled(const std::string& folder) const {
  GOFARM_ASSIGN_OR_RETURN(const std::string text, io::ReadFile(Cat(folder, "/", kMarker), kMarkerMax));
  std::map<std::string, std::string> marker = ParseMarker(text);
  InstalledToolchain found;
  found.kind = marker["kind"];
  found.version = marker["version"];
  found.sha256 = marker["sha256"];
  if (found.kind != "go" && found.kind != "zig") {
    return absl::InvalidArgumentError(Cat("toolchain ", folder, " is damaged: ", kMarker, " names no kind"));
  }
  found.root = folder + "/root";
  found.path = Cat(found.root, "/", ExeOf(found.kind));
  if (access(found.path.c_str(), X_OK) != 0)
    return ErrnoStatus(errno, Cat("toolchain ", folder, " is damaged: ", found.path));
  return found;
}

absl::StatusOr<InstalledToolchain> ToolchainStore::Install(const Scope& scope, const Archive& archive,
                                                           const FetchProgress& progress) {
  GOFARM_RETURN_IF_ERROR(CheckArchive(archive));
  const std::string folder = FolderOf(archive);
  const std::string what = Cat(archive.kind, " ", archive.version);
  const auto installed = [&]() -> absl::StatusOr<InstalledToolchain> {
    GOFARM_ASSIGN_OR_RETURN(InstalledToolchain found, ReadInstalled(folder));
    if (found.sha256 != archive.sha256) {
      return absl::DataLossError(Cat(folder, " holds another archive of ", what, "; remove it by hand"));
    }
    return found;
  };
  absl::StatusOr<InstalledToolchain> found = installed();
  if (found.ok() || found.status().code() == absl::StatusCode::kDataLoss) return found;
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(cache_.Toolchains()));
  GOFARM_ASSIGN_OR_RETURN_CTX(const io::FileLock lock,
                              WaitForLock(scope, folder + ".lock",
                                          [&] {
                                            if (progress) progress(Cat("another process installs ", what), 0, 0);
                                          }),
                              Cat("install ", what));
  found = installed();
  if (found.ok()) return found;
  GOFARM_RETURN_IF_ERROR_CTX(InstallInto(scope.Within(kInstallMax), archive, folder, progress), Cat("install ", what));
  return installed();
}

absl::Status ToolchainStore::InstallInto(const Scope& scope, const Archive& archive, const std::string& folder,
                                         const FetchProgress& progress) {
  GOFARM_ASSIGN_OR_RETURN(const ScratchFolder scratch, ScratchFolder::Make(cache_.Toolchains(), ".tmp-"));
  GOFARM_ASSIGN_OR_RETURN(const std::string file, Bring(scope, archive, scratch.path(), progress));
  const std::string unpacked = scratch.path() + "/unpacked";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(unpacked));
  io::ExtractOptions options;
  if (progress) {
    options.progress = [&](int64_t bytes) {
      progress(Cat("unpacking ", archive.kind, " ", archive.version), bytes, 0);
    };
  }
  GOFARM_RETURN_IF_ERROR(io::ExtractArchive(scope, file, unpacked, options).status());
  GOFARM_ASSIGN_OR_RETURN(const std::string root, FindRoot(unpacked, ExeOf(archive.kind)));
  GOFARM_RETURN_IF_ERROR(Settle(scope, root, archive.kind));
  GOFARM_ASSIGN_OR_RETURN(const std::string tree, TreeDigest(scope, root));

  const std::string ready = scratch.path() + "/ready";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(ready));
  if (rename(root.c_str(), (ready + "/root").c_str()) != 0) return ErrnoStatus(errno, Cat("rename ", root));
  GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(
      Cat(ready, "/", kMarker),
      Cat("kind=", archive.kind, "\nversion=", archive.version, "\nsha256=", archive.sha256, "\ntree=", tree, "\n")));
  GOFARM_RETURN_IF_ERROR(io::RemoveTree(folder));  // damaged, else it would have been found
  if (rename(ready.c_str(), folder.c_str()) != 0) return ErrnoStatus(errno, Cat("rename to ", folder));
  return io::SyncFolder(cache_.Toolchains());
}

absl::StatusOr<std::string> ToolchainStore::FromCoordinator(const Scope& scope, const Archive& archive,
                                                            const std::string& scratch, const FetchProgress& progress) {
  std::string file = scratch + "/of-coordinator";
  GOFARM_RETURN_IF_ERROR(coordinator_.door(scope, archive, file, progress));
  GOFARM_RETURN_IF_ERROR(archives::CheckSha256(archive, file, "the coordinator"));
  return file;
}

absl::StatusOr<std::string> ToolchainStore::FromSource(const Scope& scope, const Archive& archive,
                                                       const std::string& scratch, const FetchProgress& progress) {
  ProxyEnvironment proxy;
  std::string go;
  if (archive.source == "goproxy") {
    GOFARM_ASSIGN_OR_RETURN(proxy, proxy_.Get(scope));
    if (NeedsGo(archive, proxy)) {
      GOFARM_ASSIGN_OR_RETURN(go, BootstrapGo(scope, progress));
    }
  }
  GOFARM_ASSIGN_OR_RETURN(std::string file,
                          ObtainArchive(scope, archive, {.proxy = proxy, .go = go, .scratch = scratch}, progress));
  GOFARM_RETURN_IF_ERROR(archives::CheckSha256(archive, file, archive.locator));
  return file;
}

absl::StatusOr<std::string> ToolchainStore::Bring(const Scope& scope, const Archive& archive,
                                                  const std::string& scratch, const FetchProgress& progress) {
  if (!coordinator_.door) return FromSource(scope, archive, scratch, progress);
  const bool first = coordinator_.first;
  absl::StatusOr<std::string> file =
      first ? FromCoordinator(scope, archive, scratch, progress) : FromSource(scope, archive, scratch, progress);
  // Neither the end of the time nor a full disk is another one's fault.
  if (file.ok() || scope.Done() || absl::IsResourceExhausted(file.status())) return file;
  obs::Warn("archive_not_from_there", {{"kind", archive.kind},
                                       {"version", archive.version},
                                       {"from", first ? "coordinator" : archive.source},
                                       {"error", file.status().ToString()}});
  const absl::Status former = file.status();
  file = first ? FromSource(scope, archive, scratch, progress) : FromCoordinator(scope, archive, scratch, progress);
  if (file.ok() || scope.Done()) return file;
  return absl::Status(
      file.status().code(),
      Cat(first ? "its own source: " : "the coordinator: ", Sv(file.status().message()),
          first ? "; before that the coordinator: " : "; before that its own source: ", Sv(former.message())));
}

absl::StatusOr<std::string> ToolchainStore::BootstrapGo(const Scope& scope, const FetchProgress& progress) {
  const char* path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    const std::string go = Cat(folder, "/go");
    if (!folder.empty() && access(go.c_str(), X_OK) == 0) return go;
  }
  const std::string host = HostArch();
  for (const Archive& archive : bootstrap_) {
    if (archive.kind != "go" || archive.host_arch != host || archive.source == "goproxy") continue;
    GOFARM_ASSIGN_OR_RETURN(const InstalledToolchain go, Install(scope, archive, progress));
    return go.path;
  }
  return absl::FailedPreconditionError(
      Cat("no `go` on PATH and no bootstrap Go for ", host, " in the toolsets file: install any Go 1.21 or newer"));
}

absl::StatusOr<ToolchainStore::Installed> ToolchainStore::InstallToolset(const Scope& scope, const Toolset& toolset,
                                                                         const FetchProgress& progress) {
  const std::string host = HostArch();
  const auto install = [&](std::string_view kind, const std::string& version) -> absl::StatusOr<InstalledToolchain> {
    for (const Archive& archive : toolset.archives) {
      if (archive.kind == kind && archive.version == version && archive.host_arch == host) {
        return Install(scope, archive, progress);
      }
    }
    return absl::FailedPreconditionError(
        Cat("toolset ", toolset.name, " has no archive of ", kind, " ", version, " for ", host, " hosts"));
  };
  Installed installed;
  for (const std::string& version : toolset.go_versions) {
    GOFARM_ASSIGN_OR_RETURN(InstalledToolchain go, install("go", version));
    installed.gos.push_back(std::move(go));
  }
  GOFARM_ASSIGN_OR_RETURN(installed.zig, install("zig", toolset.zig_version));
  return installed;
}

std::vector<std::string> ToolchainStore::Folders() const {
  std::vector<std::string> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(cache_.Toolchains(), error)) {
    std::error_code ignored;
    const bool scratch = entry.path().filename().string().front() == '.';
    if (!scratch && entry.is_directory(ignored)) folders.push_back(entry.path().string());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::vector<ToolchainStore::Damaged> ToolchainStore::ListDamaged() const {
  std::vector<Damaged> all;
  for (const std::string& folder : Folders()) {
    const absl::Status status = ReadInstalled(folder).status();
    if (!status.ok()) all.push_back({folder, std::string(Sv(status.message()))});
  }
  return all;
}

std::vector<InstalledToolchain> ToolchainStore::List() const {
  std::vector<InstalledToolchain> all;
  for (const std::string& folder : Folders()) {
    absl::StatusOr<InstalledToolchain> found = ReadInstalled(folder);
    if (found.ok()) all.push_back(*std::move(found));
  }
  std::sort(all.begin(), all.end(), [](const InstalledToolchain& a, const InstalledToolchain& b) {
    return std::tie(a.kind, a.version, a.sha256) < std::tie(b.kind, b.version, b.sha256);
  });
  return all;
}

absl::Status ToolchainStore::Verify(const Scope& scope, const InstalledToolchain& toolchain) const {
  const std::string folder = fs::path(toolchain.root).parent_path().string();
  GOFARM_ASSIGN_OR_RETURN(const std::string text, io::ReadFile(Cat(folder, "/", kMarker), kMarkerMax));
  GOFARM_ASSIGN_OR_RETURN(const std::string tree, TreeDigest(scope, toolchain.root));
  if (tree == ParseMarker(text)["tree"]) return absl::OkStatus();
  return absl::DataLossError(Cat(toolchain.kind, " ", toolchain.version, " in ", folder,
                                 " was changed since it was installed; remove that folder and install it again"));
}

}  // namespace gofarm::fetch
