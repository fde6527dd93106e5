// The part of an attempt that makes what goes beside its programs: licence texts, the sources as they were built, and
// the digest of the module's zip.
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "worker/build/attempt.h"
#include "worker/build/source_archive.h"

namespace gofarm::build {

bool Attempt::Record() {
  if (report_.executables.empty()) return true;
  const std::string file = folder_->path() + "/licences";
  // Of what was built last: a variant that was tried after it may have taken another Go.
  const fetch::InstalledToolchain* const go = FindGo(built_->go_version);
  if (go == nullptr) return End(FailureClass::kInternal, Cat("Go ", built_->go_version, " built it and is gone"));
  const absl::StatusOr<int64_t> size = tools_.fetcher.WriteLicences(*built_, offer_.target, *go, toolchains_.zig, file);
  if (!size.ok()) return EndWith(Annotate(size.status(), "gather the licences"), FailureClass::kInternal);
  const absl::StatusOr<digest::FileDigests> digests = digest::DigestFile(file);
  if (!digests.ok()) return EndWith(digests.status(), FailureClass::kInternal);
  report_.licences_file = file;
  report_.facts.licences_sha256 = digests->sha256;
  report_.facts.licences_size = digests->size;
  return RecordSource();
}

// An archive that cannot be made of this module costs nothing but itself.
bool Attempt::RecordSource() {
  // Of a zip that a prune took meanwhile nothing is said.
  const absl::StatusOr<digest::FileDigests> zip = digest::DigestFile(tools_.fetcher.ZipFile(*built_));
  if (zip.ok()) report_.facts.module_zip_sha256 = zip->sha256;

  const std::string file = folder_->path() + "/source.tar.zst";
  const absl::StatusOr<SourceArchive> archive = WriteSourceArchive(
      scope_, tools_.fetcher.SourceFolder(*built_), MakeRecipeFiles(built_variants_, toolchains_.zig.version), file);
  if (absl::IsOutOfRange(archive.status()) || absl::IsInvalidArgument(archive.status())) {
    Note(Cat("no source archive was made: ", Sv(archive.status().message())));
    std::error_code error;
    std::filesystem::remove(file, error);
    return true;
  }
  if (!archive.ok()) return EndWith(Annotate(archive.status(), "pack the sources"), FailureClass::kInternal);
  report_.source_file = file;
  report_.facts.source_sha256 = archive->sha256;
  report_.facts.source_size = archive->size;
  Say("check", Cat("sources as built: ", archive->size, " bytes, sha256 ", archive->sha256));
  return true;
}

}  // namespace gofarm::build
