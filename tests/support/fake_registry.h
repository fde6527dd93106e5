// A registry in memory that speaks the wire format of the distribution specification and fails as a test tells it to.
// Bytes are hashed, digests compared, uploads have sessions, as in a real one. For tests of clients only.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::testing {

class FakeRegistry {
 public:
  enum class Auth { kNone, kBasic, kBearer };
  enum class Location { kRelative, kAbsolute, kQuery };
  struct Options {
    Auth auth = Auth::kNone;
    std::string user = "farm";
    std::string secret = "s3cret-token";
    int token_life = 0;  // seconds; 0: the answer names none
    int token_uses = 0;  // after so many requests a token is refused; 0: never
    std::string realm;   // empty: its own
    Location location = Location::kRelative;
    std::string upload_origin;  // of an absolute Location, when it is another host
    bool subject = false;       // answers OCI-Subject and lists referrers
    bool mounts = true;
    bool deletes = true;
    bool names_digests = true;    // sends Docker-Content-Digest
    std::string blobs_elsewhere;  // GET of a blob is redirected to this origin, same path
  };
  // What is done to the next `times` requests of this method (empty: any) whose target holds `part`.
  struct Fault {
    enum class Kind {
      kAnswer,       // status, fields, body
      kEarly,        // the same, before the request's body is read
      kCut,          // the connection is closed without an answer; libcurl asks once more when it was a kept one
      kCutAfter,     // the same, but what was asked for is done
      kCutBody,      // half of an announced body
      kStall,        // header and a byte of the body, then nothing; nothing at all when there is no body
      kWrongDigest,  // as always, but Docker-Content-Digest names something else
      kFlip,         // as always, but a byte of the body is another one
    };
    Kind kind = Kind::kAnswer;
    std::string method;
    std::string part;
    int status = 500;
    std::string fields;  // "Name: value\r\n"
    std::string body;
    int times = 1;
    int after = 0;  // so many of these requests pass before the first one that fails
  };

  explicit FakeRegistry(Options options);
  FakeRegistry() : FakeRegistry(Options{}) {}
  ~FakeRegistry();

  const std::string& url() const { return server_->url(); }
  void Inject(Fault fault);
  void Change(const Options& options);

  // "METHOD TARGET" of each request so far; `writes`: of POST, PUT and DELETE only. Reset forgets them.
  std::vector<std::string> Seen(bool writes = false) const;
  void ResetSeen();
  std::vector<RawHttpServer::Request> requests() const { return server_->requests(); }
  int tokens() const;

  std::string BlobOf(const std::string& repository, const std::string& digest) const;
  std::string ManifestOf(const std::string& repository, const std::string& reference) const;
  void PutBlob(const std::string& repository, const std::string& bytes);
  void PutManifest(const std::string& repository, const std::string& reference, const std::string& bytes);
  // Every blob, manifest and tag: "REPOSITORY KIND NAME" with its bytes, or what the tag names.
  std::map<std::string, std::string> Content() const;
  void Heal();   // forgets faults
  void Clear();  // and content

 private:
  using Request = RawHttpServer::Request;
  using Peer = RawHttpServer::Peer;
  struct Answer {
    int status = 200;
    std::string fields;
    std::string body;
  };
  struct Repository {
    std::map<std::string, std::string> blobs;      // by digest
    std::map<std::string, std::string> manifests;  // by digest
    std::map<std::string, std::string> types;
    std::map<std::string, std::string> tags;
  };

  bool Serve(const Request& request, Peer& peer);
  bool ServeEarly(const Request& request, Peer& peer);
  bool TakeFault(const Request& request, bool early, Fault& fault) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer Decide(const Request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer Token(const Request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Authorized(const Request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer TagList(const std::string& name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer Blobs(const Request& request, const std::string& name, const std::string& rest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer Uploads(const Request& request, const std::string& name, const std::string& rest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer Manifests(const Request& request, const std::string& name, const std::string& reference)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer Store(const Request& request, const std::string& name, const std::string& reference)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer Referrers(const std::string& name, const std::string& digest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string DigestField(const std::string& digest) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Options options_ ABSL_GUARDED_BY(mutex_);
  std::vector<Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> seen_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Repository> repositories_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> sessions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> tokens_ ABSL_GUARDED_BY(mutex_);  // with how often each was used
  int next_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<RawHttpServer> server_;
};

}  // namespace gofarm::testing
