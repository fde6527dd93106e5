// ModuleFetcher::WriteLicences: the licence files of everything that is linked, collected while the sources are at
// hand.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/licence_name.h"
#include "common/io/files.h"
#include "worker/fetch/module_fetcher.h"

namespace gofarm::fetch {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFileMax = 1 << 20;
constexpr int64_t kBlobMax = 32 << 20;
constexpr int kFilesPerModuleMax = 64;

}  // namespace

absl::StatusOr<int64_t> ModuleFetcher::WriteLicences(const Listing& listing, Target target,
                                                     const std::string& out_file) const {
  std::set<std::pair<std::string, std::string>> roots = {{Cat(listing.module, "@", listing.version), listing.dir}};
  if (const TargetListing* found = listing.Find(target)) {
    for (const LinkedModule& module : found->modules) {
      const bool replaced = !module.replace_path.empty();
      roots.emplace(
          replaced ? Cat(module.replace_path, "@", module.replace_version) : Cat(module.path, "@", module.version),
          module.dir);
    }
  }
  std::string blob;
  for (const auto& [name, dir] : roots) {
    if (dir.empty()) continue;
    std::vector<std::string> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(Cat(cache_.Mod(), "/", dir), error)) {
      if (entry.symlink_status(error).type() == fs::file_type::regular &&
          gomod::IsLicenceName(entry.path().filename().string())) {
        files.push_back(entry.path().filename().string());
      }
    }
    if (error) return ErrnoStatus(error.value(), Cat("read folder of ", name));
    std::sort(files.begin(), files.end());
    if (files.size() > kFilesPerModuleMax) files.resize(kFilesPerModuleMax);
    for (const std::string& file : files) {
      absl::StatusOr<std::string> text = io::ReadFile(Cat(cache_.Mod(), "/", dir, "/", file), kFileMax);
      if (absl::IsResourceExhausted(text.status())) text = std::string("(larger than 1 MiB: left out)\n");
      if (!text.ok()) return text.status();
      // A collection that is too large is no reason to throw the programs away.
      if (static_cast<int64_t>(blob.size() + text->size()) > kBlobMax) {
        text = std::string("(the collection is larger than 32 MiB: left out)\n");
      }
      blob += Cat("==== ", name, " ", EscapeForPrint(file), " (", text->size(), " bytes)\n", *text, "\n");
    }
  }
  if (blob.empty()) return 0;
  GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(out_file, blob));
  return static_cast<int64_t>(blob.size());
}

}  // namespace gofarm::fetch
