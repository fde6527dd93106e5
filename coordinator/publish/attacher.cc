#include "coordinator/publish/attacher.h"

#include <map>
#include <utility>

#include "common/attest/checksums.h"
#include "common/attest/dsse.h"
#include "common/attest/provenance_source.h"
#include "common/attest/sbom.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/obs/log.h"
#include "coordinator/publish/file_names.h"
#include "coordinator/publish/names.h"
#include "coordinator/publish/stored_file.h"

namespace gofarm::publish {
namespace {

constexpr char kExecutableKind[] = "executable";
constexpr char kSourceByproduct[] = "srcbuild";

const Toolset* Find(const std::vector<Toolset>& toolsets, std::string_view name) {
  for (const Toolset& toolset : toolsets) {
    if (toolset.name == name) return &toolset;
  }
  return nullptr;
}

// Nothing that another try would change.
bool IsAboutTheReport(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status);
}

}  // namespace

// One attempt's files on their way.
struct Attacher::Work {
  const domain::CompletedAttempt& attempt;
  domain::BuildFacts facts;
  const Toolset& toolset;
  absl::Time ended_at;
  licences::LicenceDocument licences;
  std::string licence_sha256;  // of LICENSE; empty: there is none
  std::string source_file;     // empty: the worker left it out
  domain::Publishing out;
};

std::string BlobUrl(std::string_view public_url, std::string_view sha256) {
  return Cat(public_url, "/blobs/sha256/", sha256);
}

std::string FileUrl(std::string_view public_url, AttemptToken token, std::string_view name) {
  return Cat(public_url, "/files/", token.value, "/", name);
}

std::string LogUrl(std::string_view public_url, AttemptToken token) { return Cat(public_url, "/logs/", token.value); }

absl::Status Attacher::Store(Work& work, domain::Attachment attachment, std::string_view bytes) const {
  GOFARM_RETURN_IF_ERROR(StoreFile(parts_.blobs, bytes, attachment));
  work.out.attachments.push_back(std::move(attachment));
  return absl::OkStatus();
}

absl::StatusOr<licences::LicenceDocument> Attacher::LicencesOf(const domain::CompletedAttempt& attempt) const {
  const AttemptFacts& facts = attempt.facts;
  if (facts.licences_sha256.empty()) return licences::LicenceDocument();
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<blob::Reader> reader, parts_.blobs.Open(facts.licences_sha256, 0));
  if (reader->size() > licences::kDocumentBytesMax) {
    return absl::ResourceExhaustedError(Cat("the licence texts have ", reader->size(), " bytes"));
  }
  std::string bytes;
  while (true) {
    GOFARM_ASSIGN_OR_RETURN(const std::string piece, reader->Read(blob::kReadBytesMax));
    if (piece.empty()) break;
    bytes += piece;
  }
  return licences::ReadDocument(bytes);
}

absl::Status Attacher::AttachProgram(const Scope& scope, Work& work, const Executable& executable,
                                     const std::string& file) const {
  const domain::CompletedAttempt& attempt = work.attempt;
  const domain::BuildFacts& facts = work.facts;
  const auto attachment = [&](const char* end, std::string kind) {
    return domain::Attachment{.name = Cat(file, end),
                              .import_path = executable.import_path,
                              .kind = std::move(kind),
                              .sha256 = "",
                              .blake3 = ""};
  };
  GOFARM_ASSIGN_OR_RETURN(const licences::Decision decision,
                          DecideLicences(scope, parts_.detector(), parts_.licences, work.licences, attempt, executable,
                                         {.path = facts.module, .version = facts.version}));

  GOFARM_ASSIGN_OR_RETURN(const std::string sbom, attest::SbomJson({.name = file,
                                                                    .sha256 = executable.sha256,
                                                                    .module = facts.module,
                                                                    .version = facts.version,
                                                                    .declared_path = attempt.facts.declared_path,
                                                                    .build_info = executable.build_info,
                                                                    .go_version = executable.go_version,
                                                                    .zig_version = attempt.facts.zig_version,
                                                                    .farm_version = parts_.farm_version,
                                                                    .timestamp = work.ended_at}));
  const std::string texts = LicenceTexts(work.licences, LinkedModules(work.licences, attempt, executable));

  RecordInput input{.module = facts.module,
                    .version = facts.version,
                    .import_path = executable.import_path,
                    .name = file,
                    .target = facts.target,
                    .sha256 = executable.sha256,
                    .blake3 = executable.blake3,
                    .size = executable.size,
                    .download_url = BlobUrl(parts_.public_url, executable.sha256),
                    .built_at = work.ended_at,
                    .description = facts.description,
                    .homepage = facts.repository.empty() ? "" : Cat("https://", facts.repository),
                    .licences = {decision.licence},
                    .topics = facts.topics,
                    .stars = facts.stars,
                    .deprecated = facts.deprecated,
                    .deprecated_note = facts.deprecated_note,
                    .job_id = Cat(attempt.job.value),
                    .version_text = executable.version_text,
                    .help_text = executable.help_text};
  if (!work.source_file.empty()) {
    input.source_url = FileUrl(parts_.public_url, attempt.token, work.source_file);
  }
  input.log_url = LogUrl(parts_.public_url, attempt.token);
  input.provenance_url = FileUrl(parts_.public_url, attempt.token, Cat(file, kProvenanceEnd));
  input.recipe_url = input.provenance_url;
  GOFARM_ASSIGN_OR_RETURN(const Record record, MakeRecord(input, parts_.publisher, RecordForm::kPackage));
  const std::string record_json = PrettyJson(record);

  attest::BuildContext context{.job = attempt.job,
                               .module = facts.module,
                               .version = facts.version,
                               .target = facts.target,
                               .started_on = facts.started_at,
                               .finished_on = work.ended_at,
                               .worker_class = Cat("sandboxed-", facts.worker_arch),
                               .builder_id = parts_.builder_id,
                               .farm_version = parts_.farm_version,
                               .archives = work.toolset.archives,
                               .main_zip_sha256 = attempt.facts.module_zip_sha256};
  if (!work.licence_sha256.empty()) {
    context.other_subjects.push_back({.name = kLicenceFile, .sha256 = work.licence_sha256, .blake3 = ""});
  }
  context.other_subjects.push_back({.name = Cat(file, kRecordEnd),
                                    .sha256 = digest::Sha256Hex(record_json),
                                    .blake3 = digest::Blake3Hex(record_json)});
  context.other_byproducts.push_back({.name = Cat(file, kSbomEnd), .sha256 = digest::Sha256Hex(sbom)});
  if (!work.source_file.empty()) {
    context.other_byproducts.push_back({.name = kSourceByproduct, .sha256 = attempt.facts.source_sha256});
  }
  Executable named = executable;
  named.name = file;
  GOFARM_ASSIGN_OR_RETURN(const attest::Provenance provenance, attest::ProvenanceOf(attempt, named, context));
  GOFARM_ASSIGN_OR_RETURN(const std::string statement, attest::ToStatement(provenance));
  GOFARM_ASSIGN_OR_RETURN(const attest::Envelope envelope,
                          attest::SignEnvelope(parts_.keys->provenance(), attest::kInTotoPayloadType, statement));

  GOFARM_RETURN_IF_ERROR(Store(work, attachment(kSbomEnd, "sbom"), sbom));
  if (!texts.empty()) GOFARM_RETURN_IF_ERROR(Store(work, attachment(kLicencesEnd, "licences"), texts));
  GOFARM_RETURN_IF_ERROR(Store(work, attachment(kRecordEnd, "record"), record_json));
  GOFARM_RETURN_IF_ERROR(Store(work, attachment(kVersionEnd, "version"), facts.version));
  GOFARM_RETURN_IF_ERROR(Store(work, attachment(kProvenanceEnd, "provenance"), attest::BundleJson(envelope)));

  const Kind kind = KindOf(executable.import_path);
  const bool wanted = kind == Kind::kProgram || (kind == Kind::kExample && parts_.rules.examples) ||
                      (kind == Kind::kTestHelper && parts_.rules.test_helpers);
  if (!wanted || facts.withdrawn) return absl::OkStatus();
  if (decision.verdict == licences::Verdict::kRefuse) {
    obs::Info("not_published", {{"module", Cat(facts.module, "@", facts.version)},
                                {"program", executable.import_path},
                                {"why", decision.reason}});
    return absl::OkStatus();
  }
  work.out.releases.push_back({.import_path = executable.import_path,
                               .facts = {.program = file,
                                         .kind = std::string(Name(kind)),
                                         .description = facts.description,
                                         .repository = facts.repository,
                                         .topics = facts.topics,
                                         .stars = facts.stars,
                                         .licences = {decision.licence},
                                         .licence_note = decision.reason,
                                         .version_text = VersionLine(executable.version_text),
                                         .deprecated = facts.deprecated,
                                         .deprecated_note = facts.deprecated_note}});
  return absl::OkStatus();
}

// The worker uploaded it; its BLAKE3, which CHECKSUM has of every file, is not the worker's to say.
absl::Status Attacher::AttachSource(Work& work) const {
  const AttemptFacts& facts = work.attempt.facts;
  if (facts.source_sha256.empty()) return absl::OkStatus();
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<blob::Reader> reader, parts_.blobs.Open(facts.source_sha256, 0));
  digest::Blake3 hasher;
  while (true) {
    GOFARM_ASSIGN_OR_RETURN(const std::string piece, reader->Read(blob::kReadBytesMax));
    if (piece.empty()) break;
    hasher.Update(piece);
  }
  work.source_file = SourceFile(work.facts.module, work.facts.version);
  work.out.attachments.push_back({.name = work.source_file,
                                  .kind = kSourceKind,
                                  .size = reader->size(),
                                  .sha256 = facts.source_sha256,
                                  .blake3 = hasher.HexAndReset()});
  return absl::OkStatus();
}

absl::Status Attacher::AttachSums(Work& work) const {
  std::vector<attest::FileSums> sums;
  for (const domain::Attachment& a : work.out.attachments) {
    sums.push_back({.name = a.name, .sha256 = a.sha256, .blake3 = a.blake3});
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string file, attest::ChecksumFile(sums));
  GOFARM_ASSIGN_OR_RETURN(const std::string signature,
                          parts_.keys->minisign().Sign(
                              file, Cat(work.facts.module, "@", work.facts.version, " ", TargetName(work.facts.target)),
                              "signature of CHECKSUM by a gofarm"));
  GOFARM_RETURN_IF_ERROR(Store(work, {.name = kChecksumFile, .kind = "checksums"}, file));
  return Store(work, {.name = kChecksumSignatureFile, .kind = "signature"}, signature);
}

absl::StatusOr<domain::Publishing> Attacher::Attach(const Scope& scope, const domain::CompletedAttempt& attempt,
                                                    const domain::BuildFacts& facts) const {
  if (attempt.executables.empty()) return domain::Publishing();
  const Toolset* const toolset = Find(parts_.toolsets, facts.toolset);
  const auto nothing = [&](std::string_view why) {
    obs::Warn("not_published", {{"module", Cat(facts.module, "@", facts.version)},
                                {"target", std::string(TargetName(facts.target))},
                                {"why", EscapeAndClip(why, 500)}});
    return domain::Publishing();
  };
  if (toolset == nullptr) return nothing(Cat("the toolset ", facts.toolset, " is not configured any more"));
  absl::StatusOr<licences::LicenceDocument> documents = LicencesOf(attempt);
  if (!documents.ok() && IsAboutTheReport(documents.status())) return nothing(Sv(documents.status().message()));
  if (!documents.ok()) return documents.status();

  Work work{.attempt = attempt,
            .facts = facts,
            .toolset = *toolset,
            .ended_at = parts_.now(),
            .licences = *std::move(documents),
            .licence_sha256 = "",
            .source_file = "",
            .out = {}};
  work.out.destinations = parts_.destinations;
  if (const std::string own = OwnLicence(work.licences); !own.empty()) {
    GOFARM_RETURN_IF_ERROR(Store(work, {.name = kLicenceFile, .kind = "licence"}, own));
    work.licence_sha256 = work.out.attachments.back().sha256;
  }
  GOFARM_RETURN_IF_ERROR(AttachSource(work));
  // Programs that failed have their names too, so that a name does not depend on what came of the others.
  std::vector<std::string> paths;
  for (const Executable& executable : attempt.executables) paths.push_back(executable.import_path);
  for (const FailedProgram& failed : attempt.failed_programs) paths.push_back(failed.import_path);
  const std::vector<std::string> files = ProgramFiles(facts.module, paths);
  for (size_t i = 0; i < attempt.executables.size(); ++i) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const Executable& executable = attempt.executables[i];
    work.out.attachments.push_back({.name = files[i],
                                    .import_path = executable.import_path,
                                    .kind = kExecutableKind,
                                    .size = executable.size,
                                    .sha256 = executable.sha256,
                                    .blake3 = executable.blake3});
    const absl::Status attached = AttachProgram(scope, work, executable, files[i]);
    if (attached.ok()) continue;
    if (!IsAboutTheReport(attached)) return attached;
    nothing(Cat(executable.import_path, ": ", Sv(attached.message())));
  }
  if (const absl::Status sums = AttachSums(work); !sums.ok()) {
    return IsAboutTheReport(sums) ? nothing(Sv(sums.message())) : absl::StatusOr<domain::Publishing>(sums);
  }
  return std::move(work.out);
}

}  // namespace gofarm::publish
