// The files of one release as they leave the farm: what its attempt left, and its log as people may read it. All that
// is made here is kept in the database before it is given out, so that it is the same each time. Thread-safe; blocks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/publish/outbox.h"

namespace gofarm::publish {

inline constexpr int64_t kSmallFileMax = 32 << 20;  // of what is read whole: records, provenance

// Kinds of what is made after the attempt ended.
inline constexpr char kLogKind[] = "log";
inline constexpr char kManifestProvenanceKind[] = "manifest_provenance";

struct FileSources {
  Outbox& outbox;
  blob::BlobStore& blobs;
  blob::LogStore& logs;
};

struct ReleaseFile {
  std::string name, kind, sha256;
  int64_t size = 0;
  std::string path;  // on this machine
};

struct ReleaseFiles {
  // The program, CHECKSUM and its signature, LICENSE, record, licence texts, log, version; those that there are.
  std::vector<ReleaseFile> beside;
  ReleaseFile provenance, sbom;
  std::optional<ReleaseFile> source;  // the archive of the sources as they were built, where the worker sent it
  std::string record;                 // the bytes of PROGRAM.json
};

// FAILED_PRECONDITION: a file that every release has is not there; NOT_FOUND: its bytes are not. Other errors are worth
// another try: see IsOwnFault.
absl::StatusOr<ReleaseFiles> GatherFiles(const Scope& scope, const FileSources& sources,
                                         const domain::Release& release);

// Stores the bytes and makes them an attachment of the attempt, unless one of its name stands: which file stands then.
// `attachment` has name, import path and kind.
absl::StatusOr<ReleaseFile> KeepFile(const Scope& scope, const FileSources& sources, AttemptToken token,
                                     domain::Attachment attachment, std::string_view bytes);
// The one that stands; NOT_FOUND.
absl::StatusOr<ReleaseFile> FindFile(const Scope& scope, const FileSources& sources, AttemptToken token,
                                     std::string_view name);

// FAILED_PRECONDITION beyond kSmallFileMax.
absl::StatusOr<std::string> ReadSmall(const ReleaseFile& file);

// Of the database, the disk or a stop: nothing that the release is to blame for.
bool IsOwnFault(const absl::Status& status);
// The same, unless the time of `scope` is over: then it took too long, which counts as a try of the release.
bool IsOwnFault(const Scope& scope, const absl::Status& status);
// Of what cannot be read or made on this machine, with its class: what is away for a while is worth another try.
absl::Status LocalFailure(const absl::Status& status);

}  // namespace gofarm::publish
