#include "worker/fetch/licences.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/licence_name.h"
#include "common/io/fd.h"
#include "common/io/files.h"
#include "worker/fetch/module_fetcher.h"

namespace gofarm::fetch {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool IsForeignCode(std::string_view name) {
  for (const std::string_view end :
       {".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".S", ".s", ".syso", ".a", ".o"}) {
    if (name.size() > end.size() && name.ends_with(end)) return true;
  }
  return false;
}

// REUSE's folder of licence texts (https://reuse.software/spec/), in the spellings that are met.
bool IsLicenceFolder(std::string_view name) {
  const std::string upper = absl::AsciiStrToUpper(Av(name));
  return upper == "LICENSES" || upper == "LICENCES";
}

std::string Below(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string(name) : Cat(folder, "/", name);
}

struct Entries {
  std::vector<std::string> files, folders;  // sorted; links and the rest are in `others`
  std::vector<std::string> others;
};

// The files of one module, or of a toolchain.
class Collector {
 public:
  Collector(io::Fd root, std::string label, licences::DocumentBuilder& out)
      : root_(std::move(root)), label_(std::move(label)), out_(out) {}

  // `package_folders`: of the linked packages, below the root. `bundled`: whether C code is linked.
  absl::Status Run(const std::set<std::string>& package_folders, bool bundled) {
    std::set<std::string> folders = {""};
    for (const std::string& folder : package_folders) {
      if (static_cast<size_t>(std::count(folder.begin(), folder.end(), '/')) >= kLicenceDepthMax) {
        out_.Incomplete();
        continue;
      }
      for (size_t end = 0; end != std::string::npos;) {
        end = folder.find('/', end == 0 ? 0 : end + 1);
        folders.insert(folder.substr(0, end));
      }
    }
    for (const std::string& folder : folders) {
      GOFARM_ASSIGN_OR_RETURN(const Entries entries, List(folder));
      TakeLicences(folder, entries);
      if (folder.empty()) {
        for (const std::string& name : entries.folders) {
          if (IsLicenceFolder(name)) GOFARM_RETURN_IF_ERROR(TakeAll(name));
        }
      }
      if (bundled && package_folders.contains(folder)) {
        for (const std::string& name : entries.folders) {
          const std::string below = Below(folder, name);
          if (!folders.contains(below)) GOFARM_RETURN_IF_ERROR(TakeBundled(below, 1).status());
        }
      }
    }
    Write();
    return absl::OkStatus();
  }

  // Exactly this file; none is fine.
  void Add(const std::string& name) {
    const size_t slash = name.rfind('/');
    const io::Fd folder = Open(slash == std::string::npos ? "" : name.substr(0, slash));
    if (folder && faccessat(folder.get(), name.c_str() + (slash == std::string::npos ? 0 : slash + 1), F_OK,
                            AT_SYMLINK_NOFOLLOW) == 0) {
      found_.insert(name);
    }
    Write();
  }

 private:
  // Step by step, so that no link is followed on the way. Without a descriptor: errno says why.
  io::Fd Open(std::string_view folder) const {
    io::Fd at(fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
    while (at && !folder.empty()) {
      const size_t end = folder.find('/');
      const std::string step(folder.substr(0, end));
      at = io::Fd(openat(at.get(), step.c_str(), kFolderFlags));
      folder.remove_prefix(end == std::string_view::npos ? folder.size() : end + 1);
    }
    return at;
  }

  absl::StatusOr<Entries> List(const std::string& folder) {
    Entries entries;
    if (++folders_ > kLicenceFoldersMax) {
      out_.Incomplete();
      return entries;
    }
    io::Fd fd = Open(folder);
    if (!fd) {
      const int error = errno;
      // A package of a module that was there when it was listed. A link in its place is none of a module zip's making.
      if (!folder.empty() && (error == ENOENT || error == ENOTDIR || error == ELOOP)) {
        out_.Incomplete();
        return entries;
      }
      return ErrnoStatus(error, Cat("read folder ", folder, " of ", label_));
    }
    const int number = openat(fd.get(), ".", kFolderFlags);
    DIR* const stream = number < 0 ? nullptr : fdopendir(number);
    if (stream == nullptr) {
      const int error = errno;
      if (number >= 0) close(number);
      return ErrnoStatus(error, Cat("read folder ", folder, " of ", label_));
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> closed(stream, closedir);
    while (true) {
      errno = 0;
      const dirent* const entry = readdir(stream);
      if (entry == nullptr) {
        if (errno != 0) return ErrnoStatus(errno, Cat("read folder ", folder, " of ", label_));
        break;
      }
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++entries_ > kLicenceEntriesMax) {
        out_.Incomplete();
        break;
      }
      struct stat info;
      if (fstatat(fd.get(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      (S_ISREG(info.st_mode)   ? entries.files
       : S_ISDIR(info.st_mode) ? entries.folders
                               : entries.others)
          .emplace_back(name);
    }
    std::sort(entries.files.begin(), entries.files.end());
    std::sort(entries.folders.begin(), entries.folders.end());
    std::sort(entries.others.begin(), entries.others.end());
    return entries;
  }

  void TakeLicences(const std::string& folder, const Entries& entries) {
    for (const auto* names : {&entries.files, &entries.others}) {
      for (const std::string& name : *names) {
        if (gomod::IsLicenceName(name)) found_.insert(Below(folder, name));
      }
    }
  }

  absl::Status TakeAll(const std::string& folder) {
    GOFARM_ASSIGN_OR_RETURN(const Entries entries, List(folder));
    for (const std::string& name : entries.files) found_.insert(Below(folder, name));
    for (const std::string& name : entries.others) found_.insert(Below(folder, name));
    return absl::OkStatus();
  }

  // Sub-folders of a package that hold code which is no Go: what its cgo lines include. Whether there is any in this
  // one or below.
  absl::StatusOr<bool> TakeBundled(const std::string& folder, size_t depth) {
    const std::string_view name = std::string_view(folder).substr(folder.rfind('/') + 1);
    if (name.starts_with(".") || name.starts_with("_") || name == "testdata") return false;
    GOFARM_ASSIGN_OR_RETURN(const Entries entries, List(folder));
    const auto any = [&entries](auto is) { return std::any_of(entries.files.begin(), entries.files.end(), is); };
    // A package of its own, which stands in the listing when it is linked.
    if (any([](const std::string& file) { return file.ends_with(".go"); })) return false;
    bool code = any([](const std::string& file) { return IsForeignCode(file); });
    if (depth < kBundledDepthMax) {
      for (const std::string& below : entries.folders) {
        GOFARM_ASSIGN_OR_RETURN(const bool inside, TakeBundled(Below(folder, below), depth + 1));
        code = code || inside;
      }
    }
    if (code) TakeLicences(folder, entries);
    return code;
  }

  void Write() {
    for (const std::string& name : found_) {
      const size_t slash = name.rfind('/');
      const io::Fd folder = Open(slash == std::string::npos ? "" : name.substr(0, slash));
      const std::string base = slash == std::string::npos ? name : name.substr(slash + 1);
      // O_NONBLOCK: a pipe of that name must not hold up the build.
      const io::Fd file(folder ? openat(folder.get(), base.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
                               : -1);
      struct stat info;
      if (!file || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
        out_.LeaveOut(name, 0, "is no regular file");
        continue;
      }
      if (info.st_size > licences::kFileBytesMax) {
        out_.LeaveOut(name, info.st_size, Cat("larger than ", licences::kFileBytesMax, " bytes"));
        continue;
      }
      const absl::StatusOr<std::string> bytes = io::ReadAll(file.get(), licences::kFileBytesMax, name);
      if (bytes.ok()) {
        out_.AddFile(name, *bytes);
      } else {
        out_.LeaveOut(name, info.st_size, "could not be read");
      }
    }
    found_.clear();
  }

  const io::Fd root_;
  const std::string label_;
  licences::DocumentBuilder& out_;
  std::set<std::string> found_;
  size_t folders_ = 0, entries_ = 0;
};

// What the programs are made of, outside std; the module's other packages are in no executable.
std::set<std::string> LinkedPackages(const TargetListing& listing) {
  std::set<std::string> seen;
  std::vector<std::string> open;
  for (const Program& program : listing.programs) {
    if (program.has_main_func && program.failure == FailureClass::kNone && seen.insert(program.import_path).second) {
      open.push_back(program.import_path);
    }
  }
  while (!open.empty()) {
    const auto imports = listing.imports.find(open.back());
    open.pop_back();
    if (imports == listing.imports.end()) continue;
    for (const std::string& import_path : imports->second) {
      if (seen.insert(import_path).second) open.push_back(import_path);
    }
  }
  return seen;
}

// Where a package lies inside its module.
std::string FolderOf(std::string_view import_path, std::string_view module) {
  return import_path.size() <= module.size() ? std::string() : std::string(import_path.substr(module.size() + 1));
}

absl::Status AddModule(const std::string& mod, const std::string& dir, licences::LicenceModule module,
                       const std::set<std::string>& folders, bool bundled, licences::DocumentBuilder& out) {
  const std::string label = EscapeForPrint(Cat(module.path, "@", module.version));
  out.AddModule(std::move(module));
  // Of a module that is nowhere nothing is known.
  if (dir.empty()) {
    out.Incomplete();
    return absl::OkStatus();
  }
  io::Fd root(open(Cat(mod, "/", dir).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoStatus(errno, Cat("read folder of ", label));
  return Collector(std::move(root), label, out).Run(folders, bundled);
}

void AddToolchainPart(const InstalledToolchain& toolchain, std::string_view part, std::string_view version,
                      const std::vector<std::string>& files, licences::DocumentBuilder& out) {
  out.AddModule({.kind = "toolchain", .path = std::string(part), .version = std::string(version)});
  io::Fd root(open(toolchain.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return out.Incomplete();
  Collector collector(std::move(root), std::string(part), out);
  for (const std::string& file : files) collector.Add(file);
}

}  // namespace

absl::StatusOr<licences::DocumentBuilder> CollectLicences(const std::string& mod, const Listing& listing, Target target,
                                                          const InstalledToolchain& go, const InstalledToolchain& zig) {
  licences::DocumentBuilder out;
  const TargetListing* const found = listing.Find(target);
  const std::string& own = listing.declared_path.empty() ? listing.module : listing.declared_path;
  std::set<std::string> main_folders;
  std::map<const LinkedModule*, std::set<std::string>> folders;
  if (found != nullptr) {
    for (const std::string& import_path : LinkedPackages(*found)) {
      if (const LinkedModule* const module = ModuleOf(*found, import_path)) {
        folders[module].insert(FolderOf(import_path, module->path));
      } else if (IsInModule(import_path, own)) {
        main_folders.insert(FolderOf(import_path, own));
      }
    }
  }
  const bool bundled = found != nullptr && found->uses_c;
  GOFARM_RETURN_IF_ERROR(AddModule(mod, listing.dir,
                                   {.kind = "main", .path = listing.module, .version = listing.version}, main_folders,
                                   bundled, out));
  if (found != nullptr) {
    std::vector<const LinkedModule*> modules;
    for (const LinkedModule& module : found->modules) modules.push_back(&module);
    std::sort(modules.begin(), modules.end(), [](const LinkedModule* a, const LinkedModule* b) {
      return std::tie(a->path, a->version) < std::tie(b->path, b->version);
    });
    for (const LinkedModule* module : modules) {
      GOFARM_RETURN_IF_ERROR(AddModule(mod, module->dir,
                                       {.path = module->path,
                                        .version = module->version,
                                        .replace_path = module->replace_path,
                                        .replace_version = module->replace_version},
                                       folders[module], bundled, out));
    }
  }
  // Every executable is linked statically by zig, against its musl.
  AddToolchainPart(go, "go", Cat("go", go.version), {"LICENSE", "PATENTS"}, out);
  AddToolchainPart(zig, "zig/musl", zig.version, {"lib/libc/musl/COPYRIGHT"}, out);
  // zig's compiler-rt is written in Zig, under the licence of zig itself.
  AddToolchainPart(zig, "zig/compiler-rt", zig.version, {"LICENSE"}, out);
  if (found != nullptr && found->uses_cxx) {
    AddToolchainPart(zig, "zig/libcxx", zig.version, {"lib/libcxx/LICENSE.TXT"}, out);
    AddToolchainPart(zig, "zig/libcxxabi", zig.version, {"lib/libcxxabi/LICENSE.TXT"}, out);
    AddToolchainPart(zig, "zig/libunwind", zig.version, {"lib/libunwind/LICENSE.TXT"}, out);
  }
  return out;
}

absl::StatusOr<int64_t> ModuleFetcher::WriteLicences(const Listing& listing, Target target,
                                                     const InstalledToolchain& go, const InstalledToolchain& zig,
                                                     const std::string& out_file) const {
  GOFARM_ASSIGN_OR_RETURN(const licences::DocumentBuilder document,
                          CollectLicences(cache_.Mod(), listing, target, go, zig));
  const std::string bytes = document.Write();
  GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(out_file, bytes));
  return static_cast<int64_t>(bytes.size());
}

}  // namespace gofarm::fetch
