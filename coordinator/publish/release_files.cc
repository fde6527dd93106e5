#include "coordinator/publish/release_files.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "coordinator/oci/failure.h"
#include "coordinator/publish/file_names.h"
#include "coordinator/publish/public_log.h"
#include "coordinator/publish/stored_file.h"

namespace gofarm::publish {
namespace {

absl::StatusOr<ReleaseFile> FileOf(const FileSources& sources, const domain::Attachment& attachment) {
  ReleaseFile file{.name = attachment.name,
                   .kind = attachment.kind,
                   .sha256 = attachment.sha256,
                   .size = attachment.size,
                   .path = ""};
  GOFARM_ASSIGN_OR_RETURN_CTX(file.path, sources.blobs.LocalFile(file.sha256), file.name);
  return file;
}

const domain::Attachment* Find(const std::vector<domain::Attachment>& all, std::string_view name) {
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const domain::Attachment& each) { return each.name == name; });
  return at == all.end() ? nullptr : &*at;
}

absl::Status Missing(const domain::Release& release, std::string_view name) {
  return absl::FailedPreconditionError(Cat("attempt ", release.token.value, " of ", release.module, "@",
                                           release.version, " has no file ", EscapeForPrint(name),
                                           "; build it again with --force"));
}

}  // namespace

bool IsOwnFault(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

bool IsOwnFault(const Scope& scope, const absl::Status& status) {
  return IsOwnFault(status) && !absl::IsDeadlineExceeded(scope.Check());
}

absl::Status LocalFailure(const absl::Status& status) {
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) return status;
  return oci::MakeFailure({.why = IsOwnFault(status) ? oci::FailureClass::kUnavailable : oci::FailureClass::kLocal},
                          Sv(status.message()));
}

absl::StatusOr<std::string> ReadSmall(const ReleaseFile& file) {
  if (file.size <= kSmallFileMax) return io::ReadFile(file.path, kSmallFileMax);
  return absl::FailedPreconditionError(
      Cat(file.name, " has ", file.size, " bytes, at most ", kSmallFileMax, " are read"));
}

absl::StatusOr<ReleaseFile> KeepFile(const Scope& scope, const FileSources& sources, AttemptToken token,
                                     domain::Attachment attachment, std::string_view bytes) {
  GOFARM_RETURN_IF_ERROR(StoreFile(sources.blobs, bytes, attachment));
  GOFARM_ASSIGN_OR_RETURN(const domain::Attachment stands, sources.outbox.Keep(scope, token, attachment));
  return FileOf(sources, stands);
}

absl::StatusOr<ReleaseFile> FindFile(const Scope& scope, const FileSources& sources, AttemptToken token,
                                     std::string_view name) {
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Attachment> all, sources.outbox.AttachmentsOf(scope, token));
  const domain::Attachment* const found = Find(all, name);
  if (found == nullptr) return absl::NotFoundError(Cat("no file ", EscapeForPrint(name), " was made yet"));
  return FileOf(sources, *found);
}

absl::StatusOr<ReleaseFiles> GatherFiles(const Scope& scope, const FileSources& sources,
                                         const domain::Release& release) {
  const std::string& program = release.facts.program;
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Attachment> all,
                          sources.outbox.AttachmentsOf(scope, release.token));
  struct Wanted {
    std::string name;
    bool always;
  };
  const std::vector<Wanted> wanted = {{program, true},
                                      {kChecksumFile, true},
                                      {kChecksumSignatureFile, true},
                                      {kLicenceFile, false},
                                      {Cat(program, kRecordEnd), true},
                                      {Cat(program, kLicencesEnd), false},
                                      {Cat(program, kVersionEnd), true}};
  ReleaseFiles files;
  for (const Wanted& each : wanted) {
    const domain::Attachment* const found = Find(all, each.name);
    if (found == nullptr && each.always) return Missing(release, each.name);
    if (found == nullptr) continue;
    GOFARM_ASSIGN_OR_RETURN(ReleaseFile file, FileOf(sources, *found));
    if (each.name == Cat(program, kRecordEnd)) {
      GOFARM_ASSIGN_OR_RETURN(files.record, ReadSmall(file));
    }
    files.beside.push_back(std::move(file));
  }
  const domain::Attachment* const provenance = Find(all, Cat(program, kProvenanceEnd));
  const domain::Attachment* const sbom = Find(all, Cat(program, kSbomEnd));
  if (provenance == nullptr) return Missing(release, Cat(program, kProvenanceEnd));
  if (sbom == nullptr) return Missing(release, Cat(program, kSbomEnd));
  GOFARM_ASSIGN_OR_RETURN(files.provenance, FileOf(sources, *provenance));
  GOFARM_ASSIGN_OR_RETURN(files.sbom, FileOf(sources, *sbom));

  const auto source =
      std::find_if(all.begin(), all.end(), [](const domain::Attachment& each) { return each.kind == kSourceKind; });
  if (source != all.end()) {
    GOFARM_ASSIGN_OR_RETURN(files.source, FileOf(sources, *source));
  }

  const std::string log_name = Cat(program, kLogEnd);
  ReleaseFile log;
  if (const domain::Attachment* const kept = Find(all, log_name); kept != nullptr) {
    GOFARM_ASSIGN_OR_RETURN(log, FileOf(sources, *kept));
  } else {
    GOFARM_ASSIGN_OR_RETURN(const std::string text, PublicLog(sources.logs, release.token));
    GOFARM_ASSIGN_OR_RETURN(
        log,
        KeepFile(scope, sources, release.token,
                 {.name = log_name, .import_path = release.import_path, .kind = kLogKind, .sha256 = "", .blake3 = ""},
                 text));
  }
  files.beside.push_back(std::move(log));
  return files;
}

}  // namespace gofarm::publish
