#include "coordinator/publish/rebuild_check.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/attest/dsse.h"
#include "common/attest/provenance.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "coordinator/publish/build_diff.h"
#include "coordinator/publish/file_names.h"
#include "coordinator/publish/stored_file.h"

namespace gofarm::publish {
namespace {

constexpr char kProvenanceKind[] = "provenance", kDiffKind[] = "diff";
constexpr char kDiffByproduct[] = "diff";
constexpr int64_t kBundleBytesMax = int64_t{16} << 20;

using domain::Attachment;

// The one of the executable that is about it; nullptr: there is none.
const Attachment* Find(const std::vector<Attachment>& all, std::string_view import_path, std::string_view kind) {
  const auto at = std::find_if(all.begin(), all.end(), [&](const Attachment& each) {
    return each.import_path == import_path && each.kind == kind;
  });
  return at == all.end() ? nullptr : &*at;
}

class Check {
 public:
  Check(const RebuildCheckParts& parts, const domain::CompletedAttempt& attempt, const domain::BuildFacts& facts)
      : parts_(parts), attempt_(attempt), facts_(facts) {}

  absl::StatusOr<domain::Publishing> Run(const Scope& scope) {
    GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::FirstBuild> before, parts_.first_build_of(scope, attempt_.token));
    if (before.empty()) return domain::Publishing();
    out_.rebuilt.of = before.front().token;
    GOFARM_ASSIGN_OR_RETURN(beside_, parts_.attachments_of(scope, out_.rebuilt.of));
    for (const domain::RebuiltPair& pair : domain::PairRebuilt(before, attempt_.executables)) {
      GOFARM_RETURN_IF_ERROR(scope.Check());
      GOFARM_RETURN_IF_ERROR(One(pair));
    }
    return std::move(out_);
  }

 private:
  absl::Status One(const domain::RebuiltPair& pair) {
    domain::RebuiltProgram program{.import_path = pair.first->import_path, .reproduced = pair.Same(), .detail = ""};
    std::string diff_sha256;
    if (!program.reproduced) GOFARM_RETURN_IF_ERROR(Differ(pair, program.detail, diff_sha256));
    obs::Info("rebuilt", {{"module", Cat(facts_.module, "@", facts_.version)},
                          {"program", program.import_path},
                          {"target", std::string(TargetName(facts_.target))},
                          {"reproduced", program.reproduced ? "true" : "false"},
                          {"detail", program.detail}});
    const absl::Status said = Say(*pair.first, program.reproduced, diff_sha256);
    // What cannot be signed again keeps its first statement, which is then the rebuild's too, since that is where it is
    // looked for; the result holds all the same.
    if (!said.ok()) {
      if (!absl::IsInvalidArgument(said) && !absl::IsFailedPrecondition(said) && !absl::IsNotFound(said) &&
          !absl::IsResourceExhausted(said)) {
        return said;
      }
      obs::Warn("provenance_not_signed_again",
                {{"program", program.import_path}, {"why", EscapeAndClip(Sv(said.message()), 500)}});
      if (const Attachment* const first = Find(beside_, program.import_path, kProvenanceKind); first != nullptr) {
        out_.attachments.push_back(*first);
      }
    }
    out_.rebuilt.programs.push_back(std::move(program));
    return absl::OkStatus();
  }

  absl::Status Differ(const domain::RebuiltPair& pair, std::string& detail, std::string& sha256) {
    const auto side = [&](JobId job, const std::string& worker, const std::string& digest,
                          const std::string& go_version) -> absl::StatusOr<DiffSide> {
      DiffSide of{.title = Cat("job ", job.value, worker.empty() ? "" : Cat(" on worker ", worker)),
                  .sha256 = digest,
                  .go_version = go_version,
                  .path = ""};
      GOFARM_ASSIGN_OR_RETURN(of.path, parts_.blobs.LocalFile(digest));
      return of;
    };
    const absl::StatusOr<DiffSide> first =
        side(pair.first->job, pair.first->worker, pair.first->sha256, pair.first->go_version);
    const absl::StatusOr<DiffSide> second =
        side(attempt_.job, facts_.worker, pair.second->sha256, pair.second->go_version);
    if (absl::IsNotFound(first.status())) {
      detail = "the bytes of the first build are gone, so what differs cannot be told";
      return absl::OkStatus();
    }
    if (!first.ok()) return first.status();
    if (!second.ok()) return second.status();
    GOFARM_ASSIGN_OR_RETURN(BuildDiff diff, DiffBuilds(Cat(pair.first->import_path, "@", facts_.version, " for ",
                                                           TargetName(facts_.target)),
                                                       *first, *second));
    detail = std::move(diff.summary);
    Attachment attachment{.name = Cat(FileOf(*pair.first), kDiffEnd),
                          .import_path = pair.first->import_path,
                          .kind = kDiffKind,
                          .sha256 = "",
                          .blake3 = ""};
    GOFARM_RETURN_IF_ERROR(StoreFile(parts_.blobs, diff.report, attachment));
    sha256 = attachment.sha256;
    out_.attachments.push_back(std::move(attachment));
    return absl::OkStatus();
  }

  // As it stands among the files of the first build; that has unique names.
  std::string FileOf(const domain::FirstBuild& first) const {
    const Attachment* const program = Find(beside_, first.import_path, "executable");
    return program == nullptr ? first.name : program->name;
  }

  absl::Status Say(const domain::FirstBuild& first, bool reproduced, const std::string& diff_sha256) {
    const Attachment* const before = Find(beside_, first.import_path, kProvenanceKind);
    if (before == nullptr) return absl::NotFoundError("the first build has no provenance");
    GOFARM_ASSIGN_OR_RETURN(const std::string path, parts_.blobs.LocalFile(before->sha256));
    GOFARM_ASSIGN_OR_RETURN(const std::string bundle, io::ReadFile(path, kBundleBytesMax));
    // Of the farm's own store, by its digest: it is what was signed then.
    GOFARM_ASSIGN_OR_RETURN(const attest::Envelope envelope, attest::ParseBundle(bundle));
    GOFARM_ASSIGN_OR_RETURN(attest::Provenance provenance, attest::ParseStatement(envelope.payload));
    provenance.reproduced = reproduced ? attest::Reproduced::kTrue : attest::Reproduced::kFalse;
    if (!diff_sha256.empty()) provenance.byproducts.push_back({.name = kDiffByproduct, .sha256 = diff_sha256});
    GOFARM_ASSIGN_OR_RETURN(const std::string statement, attest::ToStatement(provenance));
    GOFARM_ASSIGN_OR_RETURN(const attest::Envelope again,
                            attest::SignEnvelope(parts_.keys->provenance(), attest::kInTotoPayloadType, statement));
    Attachment attachment{
        .name = before->name, .import_path = first.import_path, .kind = kProvenanceKind, .sha256 = "", .blake3 = ""};
    GOFARM_RETURN_IF_ERROR(StoreFile(parts_.blobs, attest::BundleJson(again), attachment));
    out_.attachments.push_back(std::move(attachment));
    return absl::OkStatus();
  }

  const RebuildCheckParts& parts_;
  const domain::CompletedAttempt& attempt_;
  const domain::BuildFacts& facts_;
  std::vector<Attachment> beside_;
  domain::Publishing out_;
};

}  // namespace

absl::StatusOr<domain::Publishing> CheckRebuild(const Scope& scope, const RebuildCheckParts& parts,
                                                const domain::CompletedAttempt& attempt,
                                                const domain::BuildFacts& facts) {
  if (!attempt.facts.cold_caches) {
    obs::Warn("rebuild_says_nothing", {{"job", Cat(attempt.job.value)},
                                       {"worker", facts.worker},
                                       {"why", "its worker is of an older release and used its caches"}});
    return domain::Publishing();
  }
  return Check(parts, attempt, facts).Run(scope);
}

}  // namespace gofarm::publish
