// A published index on a free port of this machine, signed by keys of its own, and a scratch folder to install into.
// What it serves can be changed at will: everything is a file by its path. For tests only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "cli/install/installer.h"
#include "common/attest/minisign.h"
#include "common/attest/provenance.h"
#include "common/io/http_client.h"
#include "common/io/scratch_folder.h"
#include "common/publish/lookup.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::install {

inline constexpr char kModule[] = "github.com/rakyll/hey";
inline constexpr char kBuilder[] = "https://farm.example.com/gofarm/builders/sandboxed";

// A P-256 key: its secret and its public half in PEM.
struct ProvenanceKey {
  std::string secret, pem;
};
ProvenanceKey NewProvenanceKey();

class FakeIndex {
 public:
  FakeIndex();

  // Of `bytes`, with shard, bundle and executable; serves it at once.
  void Publish(const std::string& version, const std::string& bytes, const std::string& path = kModule,
               const std::string& name = "hey", const std::string& module = kModule);
  // Signs and serves all files of the index as this generation.
  void Serve(int64_t generation);
  void ListKeys(publish::KeyList list);
  // As signed provenance; fields may be changed before.
  attest::Provenance ProvenanceOf(const std::string& version, const std::string& bytes,
                                  const std::string& module = kModule) const;
  std::string Bundle(const attest::Provenance& provenance, const ProvenanceKey& key) const;
  static std::string BlobPath(const std::string& bytes);
  static std::string BundlePath(const std::string& bytes);

  void Put(const std::string& path, std::string bytes);
  std::string Get(const std::string& path) const;
  // What is answered once, in place of the file: the connection is cut in the middle of the body.
  void CutOnce(const std::string& path);
  // Answers this status for a path, from now on.
  void Fail(const std::string& path, int status);
  // Takes no part of a body: always the whole.
  void IgnoreRanges() { ranges_ = false; }

  std::string url() const { return server_.url() + "/index"; }
  std::string Url(const std::string& path) const { return server_.url() + path; }
  std::vector<testing::RawHttpServer::Request> requests() const { return server_.requests(); }
  // Of requests for this path: their Range fields.
  std::vector<std::string> RangesOf(const std::string& path) const;

  const attest::MinisignSecretKey& minisign() const { return minisign_; }
  void Resign(attest::MinisignSecretKey key) { minisign_ = std::move(key); }
  const ProvenanceKey& provenance_key() const { return provenance_; }
  std::vector<publish::LookupModule>& modules() { return modules_; }

 private:
  bool Answer(const testing::RawHttpServer::Request& request, testing::RawHttpServer::Peer& peer);
  std::string Signed(const std::string& file, const std::string& bytes, int64_t generation) const;

  attest::MinisignSecretKey minisign_;
  ProvenanceKey provenance_;
  publish::KeyList keys_;
  std::vector<publish::LookupModule> modules_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::string> files_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> cut_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> failing_ ABSL_GUARDED_BY(mutex_);
  bool ranges_ = true;
  testing::RawHttpServer server_;  // last: it asks all others
};

// Many bytes that are no program, different for each seed.
std::string ProgramBytes(int seed, size_t size = 300'000);

}  // namespace gofarm::install
