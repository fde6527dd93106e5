#include "coordinator/oci/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/file_body.h"

namespace gofarm::oci {
namespace {

constexpr std::string_view kDigestHeader = "docker-content-digest";

std::string ManifestTypes() {
  return Cat(kManifestType, ", ", kIndexType,
             ", application/vnd.docker.distribution.manifest.v2+json, "
             "application/vnd.docker.distribution.manifest.list.v2+json");
}

std::string Right(const std::string& repository, std::string_view actions) {
  return Cat("repository:", repository, ":", actions);
}

bool Succeeded(const io::HttpResponse& answer) { return answer.status / 100 == 2; }

absl::Status Mismatch(std::string_view what) { return MakeFailure({.why = FailureClass::kDigestMismatch}, what); }

std::string TypeOf(const io::HttpResponse& answer) {
  const std::string_view text = answer.headers.Get("content-type");
  const std::string_view type = text.substr(0, text.find_first_of("; "));
  return EscapeAndClip(type, 200);
}

// What the header says, when it says anything that is a digest of ours.
std::optional<std::string> DigestIn(const io::HttpResponse& answer) {
  const std::string_view text = answer.headers.Get(kDigestHeader);
  return IsDigestText(text) ? std::optional<std::string>(text) : std::nullopt;
}

absl::Status CheckDigest(std::string_view digest) {
  if (IsDigestText(digest)) return absl::OkStatus();
  return absl::InvalidArgumentError(Cat("\"", EscapeAndClip(digest, 100), "\" is no sha256 digest"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RegistryClient>> RegistryClient::Make(Registry registry, ClientOptions options,
                                                                     const Clock& clock) {
  const bool loopback = registry.loopback;
  const bool reads_only = !options.credentials;
  AskOptions ask{.user_agent = std::move(options.user_agent),
                 .credentials = std::move(options.credentials),
                 .requests_per_minute = options.requests_per_minute.value_or(loopback ? 0 : kRequestsPerMinuteDefault),
                 .ask_time = options.ask_time,
                 .low_speed_time = options.low_speed_time,
                 .sent = std::move(options.sent)};
  GOFARM_ASSIGN_OR_RETURN(std::unique_ptr<RegistryAsk> made,
                          RegistryAsk::Make(std::move(registry), std::move(ask), clock));
  const int uploads = options.parallel_uploads.value_or(loopback ? 0 : kParallelUploadsDefault);
  return std::unique_ptr<RegistryClient>(new RegistryClient(std::move(made), reads_only, uploads));
}

RegistryClient::RegistryClient(std::unique_ptr<RegistryAsk> ask, bool reads_only, int parallel_uploads)
    : ask_(std::move(ask)), reads_only_(reads_only), uploads_(parallel_uploads) {}

std::vector<std::string> RegistryClient::Rights(const std::string& repository) const {
  return {Right(repository, reads_only_ ? "pull" : "pull,push")};
}

std::string RegistryClient::Api(const std::string& repository, std::string_view rest) const {
  return Cat(registry().origin, "/v2/", repository, "/", rest);
}

absl::Status RegistryClient::CheckReference(const std::string& repository, std::string_view reference) const {
  GOFARM_RETURN_IF_ERROR(CheckRepository(registry(), repository));
  return IsDigestText(reference) ? absl::OkStatus() : CheckTag(reference);
}

absl::StatusOr<std::optional<int64_t>> RegistryClient::FindBlob(const Scope& scope, const std::string& repository,
                                                                const std::string& digest) {
  GOFARM_RETURN_IF_ERROR(CheckRepository(registry(), repository));
  GOFARM_RETURN_IF_ERROR(CheckDigest(digest));
  const std::string what = Cat("look for blob ", digest, " in ", registry().authority, "/", repository);
  GOFARM_ASSIGN_OR_RETURN_CTX(const io::HttpResponse answer,
                              ask_->Ask(scope, {.method = io::HttpMethod::kHead,
                                                .url = Api(repository, Cat("blobs/", digest)),
                                                .scopes = Rights(repository)}),
                              what);
  if (answer.status == 404) return std::optional<int64_t>();
  if (!Succeeded(answer)) return FailureOfAnswer(answer, what);
  const std::optional<std::string> named = DigestIn(answer);
  if (named && *named != digest) return Mismatch(Cat(what, ": the registry names ", *named));
  return std::optional<int64_t>(answer.content_length.value_or(-1));
}

Holdings::Known RegistryClient::Knows(const Scope& scope, const std::string& repository, std::string_view what) {
  if (!holdings_.Looked(repository)) {
    const absl::StatusOr<io::HttpResponse> tags = ask_->Ask(scope, {.method = io::HttpMethod::kGet,
                                                                    .url = Api(repository, "tags/list?n=1"),
                                                                    .scopes = Rights(repository),
                                                                    .answer_max = kManifestBytesMax});
    if (!tags.ok()) return Holdings::Known::kUnknown;
    if (tags->status != 404 && !Succeeded(*tags)) return Holdings::Known::kUnknown;
    holdings_.Look(repository, tags->status == 404);
  }
  return holdings_.Of(repository, what);
}

absl::StatusOr<Pushed> RegistryClient::PushBlob(const Scope& scope, const std::string& repository, const Blob& blob,
                                                const std::string& mount_from) {
  if (!mount_from.empty()) GOFARM_RETURN_IF_ERROR(CheckRepository(registry(), mount_from));
  const std::string what = Cat("push blob ", blob.digest, " to ", registry().authority, "/", repository);
  // Another size under this digest is damage, whether it was there before or is there now.
  const auto check = [&](const std::optional<int64_t>& size) {
    if (!size || *size < 0 || *size == blob.size) return absl::OkStatus();
    return Mismatch(Cat(what, ": the registry holds ", *size, " bytes of it, there are ", blob.size));
  };
  GOFARM_RETURN_IF_ERROR(CheckRepository(registry(), repository));
  GOFARM_RETURN_IF_ERROR(CheckDigest(blob.digest));
  const Holdings::Known known = Knows(scope, repository, blob.digest);
  if (known == Holdings::Known::kHeld) return Pushed::kAlready;
  if (known == Holdings::Known::kUnknown) {
    GOFARM_ASSIGN_OR_RETURN(const std::optional<int64_t> before, FindBlob(scope, repository, blob.digest));
    GOFARM_RETURN_IF_ERROR(check(before));
    if (before) {
      holdings_.Add(repository, blob.digest);
      return Pushed::kAlready;
    }
  }
  const absl::StatusOr<Uploaded> uploaded = Upload(scope, repository, blob, mount_from);
  if (!uploaded.ok()) return Annotate(uploaded.status(), what);
  if (!uploaded->named) {
    GOFARM_ASSIGN_OR_RETURN(const std::optional<int64_t> after, FindBlob(scope, repository, blob.digest));
    GOFARM_RETURN_IF_ERROR(check(after));
    if (!after) {
      return MakeFailure({.why = FailureClass::kUnavailable, .http_status = 404},
                         Cat(what, ": it was taken and is not there"));
    }
  }
  holdings_.Add(repository, blob.digest);
  return uploaded->pushed;
}

absl::StatusOr<RegistryClient::Uploaded> RegistryClient::Upload(const Scope& scope, const std::string& repository,
                                                                const Blob& blob, const std::string& mount_from) {
  GOFARM_ASSIGN_OR_RETURN(const Slots::Hold hold, uploads_.Take(scope));
  const std::string uploads = Api(repository, "blobs/uploads/");
  std::optional<io::HttpResponse> begun;
  if (!mount_from.empty()) {
    Call mount{.method = io::HttpMethod::kPost,
               .url = Cat(uploads, "?mount=", io::PercentEncode(blob.digest, ":"),
                          "&from=", io::PercentEncode(mount_from, "/")),
               .scopes = Rights(repository)};
    mount.scopes.push_back(Right(mount_from, "pull"));
    absl::StatusOr<io::HttpResponse> answer = ask_->Ask(scope, mount);
    if (answer.ok() && answer->status == 201) {
      return Uploaded{.pushed = Pushed::kMounted, .named = DigestIn(*answer) == blob.digest};
    }
    const absl::Status failed = !answer.ok()           ? answer.status()
                                : answer->status < 300 ? absl::OkStatus()
                                                       : FailureOfAnswer(*answer, "mount");
    // Not being allowed to read there, or to mount at all, is no reason not to push.
    if (!failed.ok() && WorthRetry(FailureOf(failed).why)) return failed;
    if (failed.ok()) begun = *std::move(answer);
  }
  if (!begun) {
    GOFARM_ASSIGN_OR_RETURN(
        io::HttpResponse answer,
        ask_->Ask(scope, {.method = io::HttpMethod::kPost, .url = uploads, .scopes = Rights(repository)}));
    begun = std::move(answer);
  }
  if (begun->status != 202) return FailureOfAnswer(*begun, "begin the upload");
  const absl::StatusOr<std::string> url = ask_->UploadUrl(begun->url, begun->headers.Get("location"), blob.digest);
  if (!url.ok()) {
    return MakeFailure({.why = FailureClass::kBrokenAnswer, .http_status = 202}, Sv(url.status().message()));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string named, SendBlob(scope, repository, blob, *url));
  if (!named.empty() && named != blob.digest) return Mismatch(Cat("the registry took it as ", named));
  return Uploaded{.pushed = Pushed::kUploaded, .named = !named.empty()};
}

absl::StatusOr<std::string> RegistryClient::SendBlob(const Scope& scope, const std::string& repository,
                                                     const Blob& blob, const std::string& url) {
  io::StringBody bytes{std::string(blob.bytes)};
  std::optional<io::FileBody> file;
  io::BodySource* body = &bytes;
  if (!blob.file.empty()) {
    GOFARM_ASSIGN_OR_RETURN(io::FileBody opened, io::FileBody::Open(blob.file));
    body = &file.emplace(std::move(opened));
  }
  const auto changed = [&](std::string_view how) {
    return MakeFailure({.why = FailureClass::kLocal}, Cat(blob.file, " ", how, " ", blob.digest));
  };
  if (body->size() != blob.size) return changed("has another size than");
  GOFARM_ASSIGN_OR_RETURN(const io::HttpResponse answer,
                          ask_->Ask(scope, {.method = io::HttpMethod::kPut,
                                            .url = url,
                                            .headers = {{"Content-Type", "application/octet-stream"}},
                                            .body = body,
                                            .scopes = Rights(repository),
                                            .long_transfer = true}));
  if (Succeeded(answer)) return DigestIn(answer).value_or("");
  const absl::Status failed = FailureOfAnswer(answer, "send it");
  // Whose fault is it? Only now is the file worth another reading.
  if (file && FailureOf(failed).why == FailureClass::kDigestMismatch) {
    GOFARM_ASSIGN_OR_RETURN(const digest::FileDigests now, digest::DigestFile(blob.file));
    if (Cat(kSha256Prefix, now.sha256) != blob.digest) return changed("no longer holds");
  }
  return failed;
}

absl::StatusOr<std::optional<std::string>> RegistryClient::FindManifest(const Scope& scope,
                                                                        const std::string& repository,
                                                                        const std::string& reference) {
  GOFARM_RETURN_IF_ERROR(CheckReference(repository, reference));
  const std::string what = Cat("look for manifest ", reference, " in ", registry().authority, "/", repository);
  GOFARM_ASSIGN_OR_RETURN_CTX(const io::HttpResponse answer,
                              ask_->Ask(scope, {.method = io::HttpMethod::kHead,
                                                .url = Api(repository, Cat("manifests/", reference)),
                                                .headers = {{"Accept", ManifestTypes()}},
                                                .scopes = Rights(repository)}),
                              what);
  if (answer.status == 404) return std::optional<std::string>();
  if (!Succeeded(answer)) return FailureOfAnswer(answer, what);
  std::optional<std::string> named = DigestIn(answer);
  if (named) return named;
  GOFARM_ASSIGN_OR_RETURN(const std::optional<Manifest> whole, GetManifest(scope, repository, reference));
  return whole ? std::optional<std::string>(whole->digest) : std::nullopt;
}

absl::StatusOr<std::optional<Manifest>> RegistryClient::GetManifest(const Scope& scope, const std::string& repository,
                                                                    const std::string& reference) {
  GOFARM_RETURN_IF_ERROR(CheckReference(repository, reference));
  const std::string what = Cat("get manifest ", reference, " of ", registry().authority, "/", repository);
  GOFARM_ASSIGN_OR_RETURN_CTX(io::HttpResponse answer,
                              ask_->Ask(scope, {.method = io::HttpMethod::kGet,
                                                .url = Api(repository, Cat("manifests/", reference)),
                                                .headers = {{"Accept", ManifestTypes()}},
                                                .scopes = Rights(repository),
                                                .answer_max = kManifestBytesMax}),
                              what);
  if (answer.status == 404) return std::optional<Manifest>();
  if (!Succeeded(answer)) return FailureOfAnswer(answer, what);
  Manifest manifest = MakeManifest(TypeOf(answer), std::move(answer.body));
  const std::string expected = IsDigestText(reference) ? reference : DigestIn(answer).value_or(manifest.digest);
  if (manifest.digest != expected) {
    return Mismatch(
        Cat(what, ": ", manifest.bytes.size(), " bytes came that are ", manifest.digest, " and not ", expected));
  }
  return std::optional<Manifest>(std::move(manifest));
}

absl::StatusOr<RegistryClient::Put> RegistryClient::PutManifest(const Scope& scope, const std::string& repository,
                                                                const std::string& reference,
                                                                const Manifest& manifest) {
  GOFARM_RETURN_IF_ERROR(CheckReference(repository, reference));
  const std::string what = Cat("push manifest ", manifest.digest, " to ", registry().authority, "/", repository,
                               IsDigestText(reference) ? "" : Cat(":", reference));
  if (manifest.bytes.size() > kManifestBytesMax) {
    return MakeFailure({.why = FailureClass::kTooLarge},
                       Cat(what, ": ", manifest.bytes.size(), " bytes, registries take ", kManifestBytesMax));
  }
  if (IsDigestText(reference) && reference != manifest.digest) {
    return absl::InvalidArgumentError(Cat(what, ": its reference is ", reference));
  }
  if (Knows(scope, repository, reference) != Holdings::Known::kAbsent) {
    GOFARM_ASSIGN_OR_RETURN(const std::optional<std::string> before, FindManifest(scope, repository, reference));
    if (before == manifest.digest) {
      holdings_.Add(repository, reference);
      return Put{};
    }
  }
  io::StringBody body(manifest.bytes);
  GOFARM_ASSIGN_OR_RETURN_CTX(const io::HttpResponse answer,
                              ask_->Ask(scope, {.method = io::HttpMethod::kPut,
                                                .url = Api(repository, Cat("manifests/", reference)),
                                                .headers = {{"Content-Type", manifest.media_type}},
                                                .body = &body,
                                                .scopes = Rights(repository)}),
                              what);
  if (!Succeeded(answer)) {
    const absl::Status failed = FailureOfAnswer(answer, what);
    // A repeat asks for all of it.
    if (FailureOf(failed).why == FailureClass::kBlobMissing) holdings_.Doubt(repository);
    return failed;
  }
  const std::optional<std::string> named = DigestIn(answer);
  if (named && *named != manifest.digest) return Mismatch(Cat(what, ": the registry took it as ", *named));
  if (!named) {
    GOFARM_ASSIGN_OR_RETURN(const std::optional<std::string> after, FindManifest(scope, repository, reference));
    if (!after) {
      return MakeFailure({.why = FailureClass::kUnavailable, .http_status = 404},
                         Cat(what, ": it was taken and is not there"));
    }
    if (*after != manifest.digest) return Mismatch(Cat(what, ": the registry holds ", *after));
  }
  holdings_.Add(repository, reference);
  holdings_.Add(repository, manifest.digest);
  return Put{.pushed = Pushed::kUploaded, .subject = std::string(answer.headers.Get("oci-subject"))};
}

absl::StatusOr<Pushed> RegistryClient::PushManifest(const Scope& scope, const std::string& repository,
                                                    const std::string& reference, const Manifest& manifest) {
  GOFARM_ASSIGN_OR_RETURN(const Put put, PutManifest(scope, repository, reference, manifest));
  return put.pushed;
}

absl::StatusOr<std::optional<std::string>> RegistryClient::AskReferrers(const Scope& scope,
                                                                        const std::string& repository,
                                                                        const std::string& digest) {
  const std::string what = Cat("ask for referrers of ", digest, " in ", registry().authority, "/", repository);
  GOFARM_ASSIGN_OR_RETURN_CTX(io::HttpResponse answer,
                              ask_->Ask(scope, {.method = io::HttpMethod::kGet,
                                                .url = Api(repository, Cat("referrers/", digest)),
                                                .headers = {{"Accept", std::string(kIndexType)}},
                                                .scopes = Rights(repository),
                                                .answer_max = kManifestBytesMax}),
                              what);
  if (Succeeded(answer)) {
    // Some front ends answer every path.
    if (TypeOf(answer) != kIndexType) return std::optional<std::string>();
    return std::optional<std::string>(std::move(answer.body));
  }
  const absl::Status failed = FailureOfAnswer(answer, what);
  switch (FailureOf(failed).why) {
    case FailureClass::kNotFound:
    case FailureClass::kUnsupported:
    case FailureClass::kRefused:
      return std::optional<std::string>();
    default:
      return failed;
  }
}

absl::StatusOr<Pushed> RegistryClient::Attach(const Scope& scope, const std::string& repository,
                                              absl::Span<const Attachment> attachments) {
  if (attachments.empty()) return Pushed::kAlready;
  const std::string& subject = attachments.front().subject.digest;
  GOFARM_RETURN_IF_ERROR(CheckDigest(subject));
  Pushed pushed = Pushed::kAlready;
  bool was_there = false;
  std::vector<Descriptor> unlisted;
  for (const Attachment& attachment : attachments) {
    if (attachment.subject.digest != subject) return absl::InvalidArgumentError("attachments of two manifests");
    const Manifest manifest = AttachmentManifest(attachment);
    GOFARM_ASSIGN_OR_RETURN(const Put put, PutManifest(scope, repository, manifest.digest, manifest));
    if (put.pushed != Pushed::kAlready) pushed = put.pushed;
    if (put.subject == subject) continue;
    was_there = was_there || put.pushed == Pushed::kAlready;
    unlisted.push_back(ReferrerOf(attachment, manifest));
  }
  if (unlisted.empty()) return pushed;
  if (was_there) {
    // Whoever pushed it may have been ended before the index was written.
    GOFARM_ASSIGN_OR_RETURN(const std::optional<std::string> listed, AskReferrers(scope, repository, subject));
    if (listed) return pushed;
  }
  GOFARM_ASSIGN_OR_RETURN(const Slots::Hold hold, referrers_.Take(scope));
  const std::string tag = ReferrersTag(subject);
  std::optional<std::string> bytes;
  if (Knows(scope, repository, tag) != Holdings::Known::kAbsent) {
    GOFARM_ASSIGN_OR_RETURN(std::optional<Manifest> current, GetManifest(scope, repository, tag));
    if (current) bytes = std::move(current->bytes);
  }
  std::optional<Manifest> changed;
  for (const Descriptor& referrer : unlisted) {
    absl::StatusOr<std::optional<Manifest>> next = WithReferrer(bytes, referrer);
    if (!next.ok()) {
      const bool full = next.status().code() == absl::StatusCode::kResourceExhausted;
      return MakeFailure(
          {.why = full ? FailureClass::kTooLarge : FailureClass::kBrokenAnswer},
          Cat("tag ", tag, " of ", registry().authority, "/", repository, ": ", next.status().message()));
    }
    if (!*next) continue;
    bytes = (*next)->bytes;
    changed = *std::move(next);
  }
  if (!changed) return pushed;
  return PushManifest(scope, repository, tag, *changed);
}

absl::StatusOr<std::optional<std::string>> RegistryClient::GetReferrers(const Scope& scope,
                                                                        const std::string& repository,
                                                                        const std::string& digest) {
  GOFARM_RETURN_IF_ERROR(CheckRepository(registry(), repository));
  GOFARM_RETURN_IF_ERROR(CheckDigest(digest));
  GOFARM_ASSIGN_OR_RETURN(std::optional<std::string> listed, AskReferrers(scope, repository, digest));
  if (listed) return listed;
  GOFARM_ASSIGN_OR_RETURN(const std::optional<Manifest> index, GetManifest(scope, repository, ReferrersTag(digest)));
  return index ? std::optional<std::string>(index->bytes) : std::nullopt;
}

absl::Status RegistryClient::GetBlob(const Scope& scope, const std::string& repository, const std::string& digest,
                                     int64_t bytes_max, const Sink& sink) {
  GOFARM_RETURN_IF_ERROR(CheckRepository(registry(), repository));
  GOFARM_RETURN_IF_ERROR(CheckDigest(digest));
  const std::string what = Cat("get blob ", digest, " of ", registry().authority, "/", repository);
  digest::Sha256 hash;
  int64_t bytes = 0;
  absl::Status refused;  // by the sink, or by the bound: no fault of the transfer
  const io::HttpClient::BodySink counted = [&](const io::HttpResponse&, std::string_view piece) {
    bytes += static_cast<int64_t>(piece.size());
    if (bytes > bytes_max) {
      refused = MakeFailure({.why = FailureClass::kTooLarge}, Cat(what, ": more than ", bytes_max, " bytes"));
    } else {
      hash.Update(piece);
      refused = sink(piece);
    }
    return refused;
  };
  const absl::StatusOr<io::HttpResponse> answer =
      ask_->Ask(scope, {.method = io::HttpMethod::kGet,
                        .url = Api(repository, Cat("blobs/", digest)),
                        .scopes = Rights(repository),
                        .answer_max = std::max(bytes_max, kAnswerBytesMax) + kAnswerBytesMax,
                        .sink = counted,
                        .long_transfer = true});
  if (!refused.ok()) return refused;
  if (!answer.ok()) return Annotate(answer.status(), what);
  if (!Succeeded(*answer)) return FailureOfAnswer(*answer, what);
  const std::string came = Cat(kSha256Prefix, hash.HexAndReset());
  if (came != digest) return Mismatch(Cat(what, ": ", bytes, " bytes came that are ", came));
  return absl::OkStatus();
}

absl::StatusOr<bool> RegistryClient::DeleteManifest(const Scope& scope, const std::string& repository,
                                                    const std::string& digest) {
  GOFARM_RETURN_IF_ERROR(CheckRepository(registry(), repository));
  GOFARM_RETURN_IF_ERROR(CheckDigest(digest));
  holdings_.Doubt(repository);
  const std::string what = Cat("delete manifest ", digest, " of ", registry().authority, "/", repository);
  GOFARM_ASSIGN_OR_RETURN_CTX(const io::HttpResponse answer,
                              ask_->Ask(scope, {.method = io::HttpMethod::kDelete,
                                                .url = Api(repository, Cat("manifests/", digest)),
                                                .scopes = {Right(repository, "pull,delete")}}),
                              what);
  if (answer.status == 404) return false;
  if (!Succeeded(answer)) return FailureOfAnswer(answer, what);
  return true;
}

}  // namespace gofarm::oci
