#include "worker/fetch/make_go.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/process/run.h"
#include "common/vocab/target.h"

namespace gofarm::fetch {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kMakeMax = absl::Hours(1);
constexpr size_t kSaidShown = 2'000;

// Removed with all that is in it.
class Scratch {
 public:
  explicit Scratch(const std::string& parent) : path_(Cat(parent, "/make-go-XXXXXX")) {
    if (::mkdtemp(path_.data()) == nullptr) made_ = ErrnoStatus(errno, Cat("make a folder in ", parent));
  }
  ~Scratch() {
    if (made_.ok()) (void)io::RemoveTree(path_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const absl::Status& made() const { return made_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  absl::Status made_;
};

// An installed toolchain may be read-only, and make.bash writes into the tree that it stands in.
absl::Status CopySource(const std::string& root, const std::string& to) {
  std::error_code error;
  fs::create_directories(to, error);
  for (const char* part : {"src", "lib", "VERSION", "go.env", "LICENSE", "PATENTS", "README.md", "SECURITY.md",
                           "CONTRIBUTING.md", "codereview.cfg"}) {
    if (error) break;
    const fs::path from = fs::path(root) / part;
    if (!fs::exists(from)) continue;
    fs::copy(from, fs::path(to) / part, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  }
  for (fs::recursive_directory_iterator it(to, error), end; !error && it != end; it.increment(error)) {
    if (!it->is_symlink()) fs::permissions(it->path(), fs::perms::owner_write, fs::perm_options::add, error);
  }
  if (error) return ErrnoStatus(error.value(), Cat("copy the source of Go from ", root, " to ", to));
  return absl::OkStatus();
}

}  // namespace

std::string GoArchOf(std::string_view host_arch) {
  for (const Target target : kAllTargets) {
    if (TargetName(target) == host_arch) return std::string(InfoOf(target).goarch);
  }
  return "";
}

absl::StatusOr<MadeGo> MakeGo(const Scope& scope, const MakeGoOptions& options) {
  const std::string goarch = GoArchOf(options.host_arch);
  if (goarch.empty()) {
    return absl::InvalidArgumentError(Cat("no worker is made for hosts of the architecture \"",
                                          EscapeForPrint(options.host_arch),
                                          "\"; aarch64, loongarch64, riscv64 and x86_64 are"));
  }
  const Scratch scratch(options.scratch);
  GOFARM_RETURN_IF_ERROR(scratch.made());
  const std::string tree = scratch.path() + "/go", home = scratch.path() + "/home";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(home, 0700));
  GOFARM_RETURN_IF_ERROR(CopySource(options.go.root, tree));

  process::Command make;
  make.argv = {"bash", "make.bash", "-distpack"};
  make.working_directory = tree + "/src";
  make.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                      {"HOME", home},
                      {"GOROOT_BOOTSTRAP", options.go.root},
                      {"GOOS", "linux"},
                      {"GOARCH", goarch},
                      {"GOTOOLCHAIN", "local"},
                      {"GOPROXY", "off"},
                      {"GOENV", "off"}};
  GOFARM_ASSIGN_OR_RETURN_CTX(const process::CommandResult result, process::Run(scope.Within(kMakeMax), make),
                              "make.bash");
  const std::string file = Cat("v0.0.1-go", options.go.version, ".linux-", goarch, ".zip");
  const std::string packed = Cat(tree, "/pkg/distpack/", file);
  if (result.exit_code != 0 || ::access(packed.c_str(), R_OK) != 0) {
    const std::string said = Cat(result.out, result.err);
    return absl::InternalError(Cat("make Go ", options.go.version, " for ", options.host_arch,
                                   ": make.bash ended with ", result.exit_code, ": ",
                                   EscapeForPrint(said.substr(said.size() - std::min(said.size(), kSaidShown)), true)));
  }
  MadeGo made{.file = Cat(options.out, "/", file)};
  GOFARM_ASSIGN_OR_RETURN(const digest::FileDigests digests, digest::DigestFile(packed));
  made.sha256 = digests.sha256;
  std::error_code error;
  fs::copy_file(packed, made.file, fs::copy_options::overwrite_existing, error);
  if (error) return ErrnoStatus(error.value(), Cat("write ", made.file));
  return made;
}

}  // namespace gofarm::fetch
