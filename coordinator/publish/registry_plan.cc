#include "coordinator/publish/registry_plan.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_join.h"
#include "common/attest/dsse.h"
#include "common/attest/provenance.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/version.h"
#include "common/json/fields.h"
#include "common/publish/versions.h"
#include "coordinator/publish/file_names.h"
#include "coordinator/publish/names.h"

namespace gofarm::publish {
namespace {

using Row = domain::Publication;
using domain::PublicationState;

constexpr std::string_view kSoar = "dev.pkgforge.soar.";
constexpr std::string_view kOci = "org.opencontainers.image.";
constexpr std::string_view kGhcr = "ghcr.io";
constexpr size_t kStatementDigits = 16;

// Texts of the record, and the first of each list.
absl::StatusOr<std::map<std::string, std::string>> TextsOf(std::string_view record) {
  json::Parser parser;
  GOFARM_ASSIGN_OR_RETURN_CTX(const simdjson::dom::element document, parser.Document(record), "the record");
  simdjson::dom::object object;
  if (document.get(object) != simdjson::SUCCESS) return absl::InvalidArgumentError("the record is no object");
  std::map<std::string, std::string> texts;
  for (const auto field : object) {
    if (texts.size() == kRecordTextsMax) break;
    std::string_view text;
    simdjson::dom::array list;
    if (field.value.get(text) == simdjson::SUCCESS) {
      texts[std::string(field.key)] = std::string(text);
    } else if (field.value.get(list) == simdjson::SUCCESS && list.size() > 0 &&
               list.at(0).get(text) == simdjson::SUCCESS) {
      texts[std::string(field.key)] = std::string(text);
    }
  }
  return texts;
}

std::string Seconds(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(absl::ToUnixSeconds(time)), absl::UTCTimeZone());
}

std::string LicencesOf(const domain::Release& release) {
  return release.facts.licences.empty() ? std::string(kNoLicence) : absl::StrJoin(release.facts.licences, " AND ");
}

// What is not known is left out.
void Add(oci::Annotations& annotations, std::string_view prefix, std::string_view key, std::string text) {
  if (!text.empty()) annotations[Cat(prefix, key)] = std::move(text);
}

bool Stands(const Row& row) { return row.state == PublicationState::kPublished && !row.withdraw; }

}  // namespace

absl::StatusOr<std::string> RepositoryOf(const oci::Destination& destination, const domain::Release& release,
                                         bool twin) {
  return oci::RepositoryBelow(destination, RepositoryPath(release.module, release.facts.program, twin));
}

oci::Annotations ImageLabels(const domain::Release& release, const Publisher& publisher) {
  oci::Annotations labels;
  Add(labels, kOci, "title", release.facts.program);
  Add(labels, kOci, "version", release.version);
  Add(labels, kOci, "licenses", LicencesOf(release));
  Add(labels, kOci, "vendor", publisher.name);
  Add(labels, kOci, "description", EscapeAndClip(release.facts.description, kDescriptionMax));
  if (!release.facts.repository.empty()) {
    Add(labels, kOci, "source", CleanUrl(Cat("https://", release.facts.repository)));
  }
  return labels;
}

absl::StatusOr<oci::Annotations> ArtifactAnnotations(std::string_view record, const domain::Release& release,
                                                     const Publisher& publisher, const Place& place) {
  GOFARM_ASSIGN_OR_RETURN(auto texts, TextsOf(record));
  oci::Annotations all = ImageLabels(release, publisher);
  all["com.github.package.type"] = "container";
  for (const char* key : {"build_date", "build_gha", "build_id", "build_log", "bsum", "category", "description",
                          "download_url", "homepage", "pkg", "pkg_family", "pkg_name", "pkg_webpage", "shasum", "size",
                          "size_raw", "src_url", "version", "version_upstream"}) {
    Add(all, kSoar, key, texts[key]);
  }
  Add(all, kSoar, "json", std::string(record));
  // soar fetches from there as soon as it finds one of these.
  if (place.authority == kGhcr) {
    Add(all, kSoar, "ghcr_pkg", Cat(place.authority, "/", place.repository, ":", place.tag));
    Add(all, kSoar, "manifest_url", Cat("https://", kGhcr, "/v2/", place.repository, "/manifests/", place.tag));
  }
  Add(all, kOci, "authors", publisher.page.empty() ? publisher.name : publisher.page);
  Add(all, kOci, "created", Seconds(release.built_at));
  Add(all, kOci, "documentation", texts["pkg_webpage"]);
  Add(all, kOci, "ref.name", release.version);
  Add(all, kOci, "revision", release.sha256);
  Add(all, kOci, "url", texts["src_url"]);
  return all;
}

absl::StatusOr<std::string> ManifestStatement(std::string_view bundle, const Place& place,
                                              std::string_view manifest_digest) {
  GOFARM_ASSIGN_OR_RETURN(const attest::Envelope envelope, attest::ParseBundle(bundle));
  GOFARM_ASSIGN_OR_RETURN(attest::Provenance provenance, attest::ParseStatement(envelope.payload));
  provenance.subjects = {{.name = Cat(place.authority, "/", place.repository),
                          .sha256 = std::string(manifest_digest.substr(oci::kSha256Prefix.size())),
                          .blake3 = ""}};
  return attest::ToStatement(provenance);
}

std::string ManifestStatementName(std::string_view program, std::string_view manifest_digest) {
  return Cat(program, ".", manifest_digest.substr(oci::kSha256Prefix.size(), kStatementDigits), kProvenanceEnd);
}

oci::Annotations BundleAnnotations(const domain::Release& release) {
  return {{"dev.sigstore.bundle.content", "dsse-envelope"},
          {"dev.sigstore.bundle.predicateType", std::string(attest::kProvenanceType)},
          {std::string(oci::kCreated), Seconds(release.built_at)}};
}

oci::Annotations SbomAnnotations(const domain::Release& release) {
  return {{std::string(oci::kCreated), Seconds(release.built_at)}};
}

ImageOrder DecideImages(const ProgramWork& work, const std::vector<RowFate>& fates) {
  std::map<domain::PublicationId, RowFate> carried;
  bool takes_away = false;
  for (size_t i = 0; i < work.due.size(); ++i) {
    carried[work.due[i].id] = fates[i];
    takes_away = takes_away || work.due[i].withdraw;
  }
  ImageOrder order;
  bool open = false;
  for (const Row& row : work.all) {
    if (row.withdraw) continue;
    const auto at = carried.find(row.id);
    if (at != carried.end() ? at->second == RowFate::kDone : Stands(row)) {
      order.releases.push_back(row.release);
    } else if (at != carried.end()
                   ? at->second == RowFate::kAgain
                   : row.state == PublicationState::kPending || row.state == PublicationState::kFailed) {
      open = true;
    }
  }
  std::sort(order.releases.begin(), order.releases.end(),
            [](const domain::Release& a, const domain::Release& b) { return a.target < b.target; });
  if (open) order.releases.clear();
  // What is missing comes with the rows that are open, and then the index is made whole.
  order.what = !order.releases.empty() ? ImageOrder::What::kSet
               : takes_away            ? ImageOrder::What::kTakeAway
                                       : ImageOrder::What::kLeave;
  return order;
}

bool IsRelease(std::string_view version) { return !gomod::IsPseudo(version) && !gomod::IsPrerelease(version); }

bool IsBetterLatest(const StandingRelease& a, const StandingRelease& b) {
  if (a.retracted != b.retracted) return b.retracted;
  return CompareVersions(a.version, b.version) > 0;
}

std::vector<StandingRelease> StandingReleases(const std::vector<Row>& rows) {
  std::map<std::string, bool> versions;
  for (const Row& row : rows) {
    const std::string& version = row.release.version;
    if (Stands(row) && IsRelease(version)) versions[version] = row.release.retracted;
  }
  std::vector<StandingRelease> sorted;
  for (const auto& [version, retracted] : versions) sorted.push_back({.version = version, .retracted = retracted});
  std::sort(sorted.begin(), sorted.end(), IsBetterLatest);
  return sorted;
}

}  // namespace gofarm::publish
