#include "tests/unit/cli_install/fake_index.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "common/attest/dsse.h"
#include "common/base/check.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/pki/key.h"
#include "common/pki/signature.h"
#include "common/publish/generation.h"
#include "common/publish/key_list.h"

namespace gofarm::install {

ProvenanceKey NewProvenanceKey() {
  ProvenanceKey key{.secret = pki::NewKey().value()};
  key.pem = pki::P256PublicKeyPem(key.secret).value();
  return key;
}

std::string ProgramBytes(int seed, size_t size) {
  std::string bytes(size, '\0');
  auto x = static_cast<uint32_t>(seed) * 2'654'435'761u + 1u;
  for (char& c : bytes) {
    x = x * 1'664'525u + 1'013'904'223u;
    c = static_cast<char>(x >> 24);
  }
  return bytes;
}

FakeIndex::FakeIndex()
    : minisign_(attest::MinisignSecretKey::Generate().value()),
      provenance_(NewProvenanceKey()),
      server_([this](const testing::RawHttpServer::Request& request, testing::RawHttpServer::Peer& peer) {
        return Answer(request, peer);
      }) {
  keys_.builder = kBuilder;
  keys_.keys = {
      {.kind = publish::kProvenanceKind, .public_key = provenance_.pem, .since = absl::UnixEpoch()},
      {.kind = publish::kMinisignKind, .public_key = minisign_.public_key().Line(), .since = absl::UnixEpoch()}};
  Serve(1);
}

std::string FakeIndex::BlobPath(const std::string& bytes) { return Cat("/blobs/", digest::Sha256Hex(bytes)); }
std::string FakeIndex::BundlePath(const std::string& bytes) { return BlobPath(bytes) + ".sigstore.json"; }

attest::Provenance FakeIndex::ProvenanceOf(const std::string& version, const std::string& bytes,
                                           const std::string& module) const {
  attest::Provenance p;
  p.subjects = {{.name = "hey", .sha256 = digest::Sha256Hex(bytes), .blake3 = digest::Blake3Hex(bytes)}};
  p.module = module;
  p.version = version;
  p.target = "x86_64";
  p.command_directory = ".";
  p.worker_class = "sandbox";
  p.sandbox_layout = 1;
  p.variant = "source";
  p.argv = {"/go/bin/go", "build"};
  p.working_directory = "/src";
  p.main_module = {.path = module, .version = version, .dir_hash = std::string(64, '1')};
  p.dependencies = {{.path = "golang.org/x/net", .version = "v0.48.0", .dir_hash = std::string(64, '2')}};
  p.toolchains = {{.name = "go", .version = "1.26.8", .uri = "pkg:golang/x@v1", .sha256 = std::string(64, '3')}};
  p.builder_id = kBuilder;
  p.invocation_id = "4711";
  p.started_on = absl::FromUnixSeconds(1'800'000'000);
  p.finished_on = absl::FromUnixSeconds(1'800'000'060);
  return p;
}

std::string FakeIndex::Bundle(const attest::Provenance& provenance, const ProvenanceKey& key) const {
  return attest::BundleJson(
      attest::SignEnvelope(key.secret, attest::kInTotoPayloadType, attest::ToStatement(provenance).value()).value());
}

void FakeIndex::Publish(const std::string& version, const std::string& bytes, const std::string& path,
                        const std::string& name, const std::string& module) {
  Put(BlobPath(bytes), bytes);
  Put(BundlePath(bytes), Bundle(ProvenanceOf(version, bytes, module), provenance_));
  auto of_module = std::find_if(modules_.begin(), modules_.end(),
                                [&](const publish::LookupModule& m) { return m.module == module; });
  if (of_module == modules_.end()) of_module = modules_.insert(modules_.end(), {.module = module});
  auto of_version = std::find_if(of_module->versions.begin(), of_module->versions.end(),
                                 [&](const publish::LookupVersion& v) { return v.version == version; });
  if (of_version == of_module->versions.end()) {
    of_version = of_module->versions.insert(of_module->versions.begin(), {.version = version});
  }
  of_version->programs.push_back({.path = path,
                                  .name = name,
                                  .targets = {{.host = "x86_64-Linux",
                                               .size = static_cast<int64_t>(bytes.size()),
                                               .sha256 = digest::Sha256Hex(bytes),
                                               .url = Url(BlobPath(bytes)),
                                               .provenance_url = Url(BundlePath(bytes))}}});
  Serve(1);
}

std::string FakeIndex::Signed(const std::string& file, const std::string& bytes, int64_t generation) const {
  const std::string comment = publish::TrustedComment(
      {.generation = {.number = generation, .time = absl::FromUnixSeconds(1'800'000'000 + generation)}, .file = file});
  return minisign_.Sign(bytes, comment, "signature of the index of a gofarm").value();
}

void FakeIndex::Serve(int64_t generation) {
  // Those that tests ask for: to sign all takes a second.
  std::vector<std::string> paths = {kModule, "filippo.io/age", "github.com/no/such"};
  for (const publish::LookupModule& module : modules_) {
    for (const publish::LookupVersion& version : module.versions) {
      for (const publish::LookupProgram& program : version.programs) paths.push_back(program.path);
    }
  }
  std::map<std::string, publish::LookupShard> shards;
  for (const std::string& path : paths) {
    for (const std::string& shard : publish::ShardsOfAddress(path)) shards[shard].shard = shard;
  }
  for (const publish::LookupModule& module : modules_) {
    shards[publish::ShardOf(module.module)].modules.push_back(module);
  }
  std::map<std::string, std::string> files = {{publish::kKeyListFile, json::Write(keys_)}};
  for (const auto& [name, shard] : shards) files[publish::ShardFile(name)] = json::Write(shard);
  for (const auto& [file, bytes] : files) {
    Put("/index/" + file, bytes);
    Put(Cat("/index/", file, ".sig"), Signed(file, bytes, generation));
  }
}

void FakeIndex::ListKeys(publish::KeyList list) { keys_ = std::move(list); }

void FakeIndex::Put(const std::string& path, std::string bytes) {
  absl::MutexLock lock(&mutex_);
  files_[path] = std::move(bytes);
}

std::string FakeIndex::Get(const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  const auto file = files_.find(path);
  GOFARM_CHECK(file != files_.end());
  return file->second;
}

void FakeIndex::CutOnce(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  cut_.insert(path);
}

void FakeIndex::Fail(const std::string& path, int status) {
  absl::MutexLock lock(&mutex_);
  failing_[path] = status;
}

std::vector<std::string> FakeIndex::RangesOf(const std::string& path) const {
  std::vector<std::string> ranges;
  for (const testing::RawHttpServer::Request& request : server_.requests()) {
    if (request.target == path) ranges.push_back(request.Field("range"));
  }
  return ranges;
}

bool FakeIndex::Answer(const testing::RawHttpServer::Request& request, testing::RawHttpServer::Peer& peer) {
  std::string body;
  bool cut = false;
  {
    absl::MutexLock lock(&mutex_);
    if (const auto failing = failing_.find(request.target); failing != failing_.end()) {
      return peer.Answer(failing->second, "", "no\n");
    }
    const auto file = files_.find(request.target);
    if (file == files_.end()) return peer.Answer(404, "", "no such thing\n");
    body = file->second;
    cut = cut_.erase(request.target) > 0;
  }
  const std::string etag = Cat("ETag: \"", digest::Sha256Hex(body), "\"\r\n");
  std::string range = request.Field("range");
  std::string status = "200 OK", fields = etag;
  size_t first = 0;
  if (ranges_ && absl::SimpleAtoi(absl::StripSuffix(absl::StripPrefix(range, "bytes="), "-"), &first) &&
      (request.Field("if-range").empty() || request.Field("if-range") == Cat("\"", digest::Sha256Hex(body), "\""))) {
    if (first >= body.size()) return peer.Answer(416, "", "");
    fields += Cat("Content-Range: bytes ", first, "-", body.size() - 1, "/", body.size(), "\r\n");
    body.erase(0, first);
    status = "206 Partial Content";
  }
  peer.Send(Cat("HTTP/1.1 ", status, "\r\n", fields, "Content-Length: ", body.size(), "\r\n\r\n"));
  if (!cut) return peer.Send(body);
  peer.Send(body.substr(0, body.size() / 2));
  return false;
}

}  // namespace gofarm::install
