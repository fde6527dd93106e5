// Pushes to one registry and reads back (OCI distribution specification v1.1): each verb may be repeated at any time,
// sends only what is missing, and believes a push only when the registry named the same digest in its answer; one that
// names none is asked. What is missing it asks first, or knows (holdings.h).
//
//   const auto destination = ParseDestination("https://ghcr.io/owner");
//   const auto client = RegistryClient::Make(destination->registry, {.user_agent = "gofarm/1", .credentials = ...});
//   for each layer and the config:  client->PushBlob(scope, repository, Blob::OfFile(digest, size, path));
//   for what is attached:           client->Attach(scope, repository, attachments);
//   the tag last:                   client->PushManifest(scope, repository, tag, manifest);
//
// Every failure is an absl::Status that carries its class (failure.h). Blobs go up in one piece (POST, then PUT): some
// registries take no pieces above 4 MiB. Thread-safe; calls block their thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"
#include "coordinator/oci/credentials.h"
#include "coordinator/oci/failure.h"
#include "coordinator/oci/holdings.h"
#include "coordinator/oci/manifest.h"
#include "coordinator/oci/reference.h"
#include "coordinator/oci/registry_ask.h"
#include "coordinator/oci/slots.h"

namespace gofarm::oci {

// Of a registry that is not on this machine, unless something else is configured; one on it has none.
inline constexpr int kRequestsPerMinuteDefault = 600;
inline constexpr int kParallelUploadsDefault = 4;

struct ClientOptions {
  std::string user_agent;
  std::optional<Credentials> credentials;
  std::optional<int> requests_per_minute;  // 0: no limit
  std::optional<int> parallel_uploads;     // blobs on their way at once; 0: no limit
  absl::Duration ask_time = absl::Minutes(1);
  absl::Duration low_speed_time = absl::Minutes(1);
  std::function<void(std::optional<FailureClass> failed)> sent;  // as AskOptions
};

// What is pushed as a blob. `bytes` must outlive the call.
struct Blob {
  std::string digest;
  int64_t size = 0;
  std::string file;  // empty: `bytes`
  std::string_view bytes;

  static Blob OfFile(std::string digest, int64_t size, std::string file) {
    return {.digest = std::move(digest), .size = size, .file = std::move(file), .bytes = {}};
  }
  static Blob OfBytes(std::string_view bytes) {
    return {.digest = DigestOf(bytes), .size = static_cast<int64_t>(bytes.size()), .file = "", .bytes = bytes};
  }
};

enum class Pushed {
  kAlready,  // the registry had it: nothing was sent
  kMounted,  // it had it in the other repository
  kUploaded,
};

class RegistryClient {
 public:
  static absl::StatusOr<std::unique_ptr<RegistryClient>> Make(Registry registry, ClientOptions options,
                                                              const Clock& clock = RealClock());
  const Registry& registry() const { return ask_->registry(); }

  // The size that the registry names, -1 when it names none; null when it has no such blob.
  absl::StatusOr<std::optional<int64_t>> FindBlob(const Scope& scope, const std::string& repository,
                                                  const std::string& digest);
  // `mount_from`: another repository of this registry that may hold it; empty: none. A file is streamed. kLocal when
  // the file has another size or digest than `blob` says.
  absl::StatusOr<Pushed> PushBlob(const Scope& scope, const std::string& repository, const Blob& blob,
                                  const std::string& mount_from = "");

  // For a repository to which a try before has sent something, maybe in another process: each thing is asked for.
  void AskFirst(const std::string& repository) { holdings_.Doubt(repository); }

  // `reference`: a tag, or the manifest's own digest.
  absl::StatusOr<Pushed> PushManifest(const Scope& scope, const std::string& repository, const std::string& reference,
                                      const Manifest& manifest);
  // Attachments of one manifest: their manifests by digest and, where the registry does not list referrers by itself,
  // their lines in the index at ReferrersTag. Layers, kEmptyObject and the subject were pushed before. That index is
  // read and written again, once a call: one client at a time per repository, whose own calls wait for each other.
  absl::StatusOr<Pushed> Attach(const Scope& scope, const std::string& repository,
                                absl::Span<const Attachment> attachments);

  // The digest under a tag or digest; null when there is none.
  absl::StatusOr<std::optional<std::string>> FindManifest(const Scope& scope, const std::string& repository,
                                                          const std::string& reference);
  // At most kManifestBytesMax bytes; kDigestMismatch when they are not what the reference or the registry says.
  absl::StatusOr<std::optional<Manifest>> GetManifest(const Scope& scope, const std::string& repository,
                                                      const std::string& reference);
  // The image index of what is attached to `digest`, from the referrers API or the fallback tag; null: nothing.
  absl::StatusOr<std::optional<std::string>> GetReferrers(const Scope& scope, const std::string& repository,
                                                          const std::string& digest);
  // Piece by piece; only an OK at the end says that they had this digest. kTooLarge beyond `bytes_max`; kNotFound.
  using Sink = std::function<absl::Status(std::string_view piece)>;
  absl::Status GetBlob(const Scope& scope, const std::string& repository, const std::string& digest, int64_t bytes_max,
                       const Sink& sink);

  // With every tag on it. False when it was not there. kUnsupported: this registry deletes nothing; then a tag may be
  // overwritten by WithdrawnManifest.
  absl::StatusOr<bool> DeleteManifest(const Scope& scope, const std::string& repository, const std::string& digest);

 private:
  struct Put {
    Pushed pushed = Pushed::kAlready;
    std::string subject;  // the answer's OCI-Subject: that of a registry which lists referrers by itself
  };
  RegistryClient(std::unique_ptr<RegistryAsk> ask, bool reads_only, int parallel_uploads);
  // Of a token: all that a push needs, so that one serves it; without credentials what is given to anybody.
  std::vector<std::string> Rights(const std::string& repository) const;
  std::string Api(const std::string& repository, std::string_view rest) const;
  absl::Status CheckReference(const std::string& repository, std::string_view reference) const;
  struct Uploaded {
    Pushed pushed = Pushed::kUploaded;
    bool named = false;  // the answer confirmed the digest
  };
  absl::StatusOr<Uploaded> Upload(const Scope& scope, const std::string& repository, const Blob& blob,
                                  const std::string& mount_from);
  absl::StatusOr<std::string> SendBlob(const Scope& scope, const std::string& repository, const Blob& blob,
                                       const std::string& url);
  absl::StatusOr<Put> PutManifest(const Scope& scope, const std::string& repository, const std::string& reference,
                                  const Manifest& manifest);
  absl::StatusOr<std::optional<std::string>> AskReferrers(const Scope& scope, const std::string& repository,
                                                          const std::string& digest);

  // From what is known of the repository, which is looked at first. An answer that is none counts as not knowing: what
  // is asked next meets the same, and says why.
  Holdings::Known Knows(const Scope& scope, const std::string& repository, std::string_view what);

  const std::unique_ptr<RegistryAsk> ask_;
  Holdings holdings_;
  const bool reads_only_;
  Slots uploads_;
  Slots referrers_{1};
};

}  // namespace gofarm::oci
