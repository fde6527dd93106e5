#include "tests/support/fake_registry.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/text.h"
#include "common/digest/digest.h"

namespace gofarm::testing {
namespace {

std::string Digest(const std::string& bytes) { return Cat("sha256:", digest::Sha256Hex(bytes)); }

std::string Parameter(const std::string& target, const std::string& name) {
  const size_t query = target.find('?');
  if (query == std::string::npos) return "";
  for (const absl::string_view part : absl::StrSplit(Av(target).substr(query + 1), '&')) {
    absl::string_view value = part;
    if (absl::ConsumePrefix(&value, Cat(name, "="))) {
      return absl::StrReplaceAll(value, {{"%3A", ":"}, {"%2F", "/"}, {"%2C", ","}});
    }
  }
  return "";
}

// The first {"mediaType":...,"digest":D,...} behind "subject".
std::string SubjectOf(const std::string& manifest) {
  const size_t at = manifest.find("\"subject\":");
  const size_t digest = at == std::string::npos ? at : manifest.find("\"digest\":\"", at);
  return digest == std::string::npos ? "" : manifest.substr(digest + 10, 71);
}

std::string Errors(const std::string& code, const std::string& message) {
  return Cat(R"({"errors":[{"code":")", code, R"(","message":")", message, R"("}]})");
}

}  // namespace

FakeRegistry::FakeRegistry(Options options) : options_(std::move(options)) {
  server_ =
      std::make_unique<RawHttpServer>([this](const Request& request, Peer& peer) { return Serve(request, peer); },
                                      [this](const Request& request, Peer& peer) { return ServeEarly(request, peer); });
}

FakeRegistry::~FakeRegistry() { server_.reset(); }

void FakeRegistry::Inject(Fault fault) {
  absl::MutexLock lock(&mutex_);
  faults_.push_back(std::move(fault));
}

void FakeRegistry::Change(const Options& options) {
  absl::MutexLock lock(&mutex_);
  options_ = options;
}

std::vector<std::string> FakeRegistry::Seen(bool writes) const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> out;
  for (const std::string& line : seen_) {
    const bool reads = absl::StartsWith(line, "GET ") || absl::StartsWith(line, "HEAD ");
    if (!writes || !reads) out.push_back(line);
  }
  return out;
}

void FakeRegistry::ResetSeen() {
  absl::MutexLock lock(&mutex_);
  seen_.clear();
}

int FakeRegistry::tokens() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(tokens_.size());
}

std::string FakeRegistry::BlobOf(const std::string& repository, const std::string& digest) const {
  absl::MutexLock lock(&mutex_);
  const auto it = repositories_.find(repository);
  if (it == repositories_.end() || it->second.blobs.count(digest) == 0) return "(none)";
  return it->second.blobs.at(digest);
}

std::string FakeRegistry::ManifestOf(const std::string& repository, const std::string& reference) const {
  absl::MutexLock lock(&mutex_);
  const auto it = repositories_.find(repository);
  if (it == repositories_.end()) return "(none)";
  const auto tag = it->second.tags.find(reference);
  const auto found = it->second.manifests.find(tag == it->second.tags.end() ? reference : tag->second);
  return found == it->second.manifests.end() ? "(none)" : found->second;
}

void FakeRegistry::PutBlob(const std::string& repository, const std::string& bytes) {
  absl::MutexLock lock(&mutex_);
  repositories_[repository].blobs[Digest(bytes)] = bytes;
}

void FakeRegistry::PutManifest(const std::string& repository, const std::string& reference, const std::string& bytes) {
  absl::MutexLock lock(&mutex_);
  Repository& r = repositories_[repository];
  r.manifests[Digest(bytes)] = bytes;
  r.types[Digest(bytes)] = "application/vnd.oci.image.index.v1+json";
  r.tags[reference] = Digest(bytes);
}

std::map<std::string, std::string> FakeRegistry::Content() const {
  absl::MutexLock lock(&mutex_);
  std::map<std::string, std::string> all;
  for (const auto& [name, repository] : repositories_) {
    for (const auto& [digest, bytes] : repository.blobs) all[Cat(name, " blob ", digest)] = bytes;
    for (const auto& [digest, bytes] : repository.manifests) all[Cat(name, " manifest ", digest)] = bytes;
    for (const auto& [tag, digest] : repository.tags) all[Cat(name, " tag ", tag)] = digest;
  }
  return all;
}

void FakeRegistry::Heal() {
  absl::MutexLock lock(&mutex_);
  faults_.clear();
}

void FakeRegistry::Clear() {
  absl::MutexLock lock(&mutex_);
  repositories_.clear();
  faults_.clear();
  sessions_.clear();
}

bool FakeRegistry::TakeFault(const Request& request, bool early, Fault& fault) {
  for (Fault& one : faults_) {
    if (one.times == 0 || (one.kind == Fault::Kind::kEarly) != early) continue;
    if (!one.method.empty() && one.method != request.method) continue;
    if (request.target.find(one.part) == std::string::npos) continue;
    if (one.after > 0) {
      --one.after;
      continue;
    }
    --one.times;
    fault = one;
    return true;
  }
  return false;
}

bool FakeRegistry::ServeEarly(const Request& request, Peer& peer) {
  Fault fault;
  {
    absl::MutexLock lock(&mutex_);
    if (!TakeFault(request, true, fault)) return false;
    seen_.push_back(Cat(request.method, " ", request.target));
  }
  peer.Answer(fault.status, fault.fields + "Connection: close\r\n", fault.body);
  return true;
}

bool FakeRegistry::Serve(const Request& request, Peer& peer) {
  Fault fault;
  bool faulty = false;
  Answer answer;
  {
    absl::MutexLock lock(&mutex_);
    seen_.push_back(Cat(request.method, " ", request.target));
    faulty = TakeFault(request, false, fault);
    const bool replaced = faulty && (fault.kind == Fault::Kind::kAnswer || fault.kind == Fault::Kind::kCut);
    answer = replaced ? Answer{fault.status, fault.fields, fault.body} : Decide(request);
  }
  if (faulty && (fault.kind == Fault::Kind::kCut || fault.kind == Fault::Kind::kCutAfter)) return false;
  if (faulty && fault.kind == Fault::Kind::kWrongDigest) {
    const size_t at = answer.fields.find("Docker-Content-Digest: sha256:");
    if (at != std::string::npos) answer.fields.replace(at + 30, 4, answer.fields[at + 30] == '0' ? "1111" : "0000");
  }
  if (faulty && fault.kind == Fault::Kind::kFlip && !answer.body.empty()) answer.body[answer.body.size() / 2] ^= 1;
  const std::string head =
      Cat("HTTP/1.1 ", answer.status, " X\r\n", answer.fields, "Content-Length: ", answer.body.size(), "\r\n\r\n");
  if (faulty && fault.kind == Fault::Kind::kCutBody) {
    peer.Send(head + answer.body.substr(0, answer.body.size() / 2));
    return false;
  }
  if (faulty && fault.kind == Fault::Kind::kStall) {
    if (!answer.body.empty()) peer.Send(head + answer.body.substr(0, 1));
    peer.Hang();
    return false;
  }
  if (request.method != "HEAD") return peer.Send(head + answer.body);
  return peer.Send(head);
}

bool FakeRegistry::Authorized(const Request& request) {
  const std::string given = request.Field("authorization");
  if (options_.auth == Auth::kNone) return true;
  if (options_.auth == Auth::kBasic) {
    return given == Cat("Basic ", absl::Base64Escape(Cat(options_.user, ":", options_.secret)));
  }
  absl::string_view token = given;
  if (!absl::ConsumePrefix(&token, "Bearer ")) return false;
  const auto it = tokens_.find(std::string(token));
  if (it == tokens_.end()) return false;
  return options_.token_uses == 0 || it->second++ < options_.token_uses;
}

FakeRegistry::Answer FakeRegistry::Token(const Request& request) {
  const std::string basic = Cat("Basic ", absl::Base64Escape(Cat(options_.user, ":", options_.secret)));
  if (request.Field("authorization") != basic) return {401, "", R"({"details":"incorrect username or password"})"};
  const std::string token = Cat("t-", ++next_, "-", digest::Sha256Hex(request.target).substr(0, 8));
  tokens_[token] = 0;
  const std::string life = options_.token_life > 0 ? Cat(",\"expires_in\":", options_.token_life) : "";
  return {200, "Content-Type: application/json\r\n", Cat("{\"token\":\"", token, "\"", life, "}")};
}

std::string FakeRegistry::DigestField(const std::string& digest) const {
  return options_.names_digests ? Cat("Docker-Content-Digest: ", digest, "\r\n") : "";
}

FakeRegistry::Answer FakeRegistry::Decide(const Request& request) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  if (path == "/token") return Token(request);
  if (!Authorized(request)) {
    const std::string realm = options_.realm.empty() ? Cat(server_->url(), "/token") : options_.realm;
    const std::string challenge =
        options_.auth == Auth::kBasic
            ? "Basic realm=\"fake\""
            : Cat("Bearer realm=\"", realm, "\",service=\"fake\",scope=\"repository:x:pull\"");
    return {401, Cat("WWW-Authenticate: ", challenge, "\r\n"), Errors("UNAUTHORIZED", "authentication required")};
  }
  for (const std::string kind : {"/blobs/uploads/", "/blobs/", "/manifests/", "/referrers/", "/tags/list"}) {
    const size_t at = path.find(kind);
    if (!absl::StartsWith(path, "/v2/") || at == std::string::npos) continue;
    const std::string name = path.substr(4, at - 4);
    const std::string rest = path.substr(at + kind.size());
    if (kind == "/blobs/uploads/") return Uploads(request, name, rest);
    if (kind == "/blobs/") return Blobs(request, name, rest);
    if (kind == "/manifests/") return Manifests(request, name, rest);
    if (kind == "/tags/list") return TagList(name);
    return Referrers(name, rest);
  }
  return {404, "", "404 page not found\n"};
}

FakeRegistry::Answer FakeRegistry::TagList(const std::string& name) const {
  const auto repository = repositories_.find(name);
  if (repository == repositories_.end() || repository->second.tags.empty()) {
    return {404, "", Errors("NAME_UNKNOWN", "repository name not known to registry")};
  }
  std::string tags;
  for (const auto& [tag, digest] : repository->second.tags) tags += Cat(tags.empty() ? "" : ",", "\"", tag, "\"");
  return {200, "Content-Type: application/json\r\n", Cat("{\"name\":\"", name, "\",\"tags\":[", tags, "]}")};
}

FakeRegistry::Answer FakeRegistry::Blobs(const Request& request, const std::string& name, const std::string& rest) {
  const std::map<std::string, std::string>& blobs = repositories_[name].blobs;
  const auto it = blobs.find(rest);
  if (it == blobs.end()) return {404, "", Errors("BLOB_UNKNOWN", "blob unknown to registry")};
  if (request.method == "GET" && !options_.blobs_elsewhere.empty()) {
    return {307, Cat("Location: ", options_.blobs_elsewhere, request.target, "\r\n"), ""};
  }
  return {200, DigestField(rest), it->second};
}

FakeRegistry::Answer FakeRegistry::Uploads(const Request& request, const std::string& name, const std::string& rest) {
  Repository& repository = repositories_[name];
  if (request.method == "POST") {
    const std::string mount = Parameter(request.target, "mount");
    const auto source = repositories_.find(Parameter(request.target, "from"));
    if (options_.mounts && !mount.empty() && source != repositories_.end() && source->second.blobs.count(mount) != 0) {
      repository.blobs[mount] = source->second.blobs.at(mount);
      return {201, Cat("Location: /v2/", name, "/blobs/", mount, "\r\n", DigestField(mount)), ""};
    }
    const std::string session = Cat("s", ++next_);
    sessions_.insert(session);
    std::string location = Cat("/v2/", name, "/blobs/uploads/", session);
    if (options_.location == Location::kQuery) location += "?_state=a%2Bb%3D";
    if (options_.location != Location::kRelative || !options_.upload_origin.empty()) {
      location = (options_.upload_origin.empty() ? server_->url() : options_.upload_origin) + location;
    }
    return {202, Cat("Location: ", location, "\r\nRange: 0-0\r\n"), ""};
  }
  if (request.method != "PUT") return {405, "", Errors("UNSUPPORTED", "no pieces")};
  if (sessions_.erase(rest) == 0) return {404, "", Errors("BLOB_UPLOAD_UNKNOWN", "no such upload")};
  if (options_.location == Location::kQuery && Parameter(request.target, "_state") != "a%2Bb%3D") {
    return {400, "", Errors("BLOB_UPLOAD_INVALID", "the state of the upload is lost")};
  }
  const std::string digest = Parameter(request.target, "digest");
  if (Digest(request.body) != digest) return {400, "", Errors("DIGEST_INVALID", "provided digest did not match")};
  repository.blobs[digest] = request.body;
  return {201, Cat("Location: /v2/", name, "/blobs/", digest, "\r\n", DigestField(digest)), ""};
}

FakeRegistry::Answer FakeRegistry::Manifests(const Request& request, const std::string& name,
                                             const std::string& reference) {
  Repository& repository = repositories_[name];
  if (request.method == "PUT") return Store(request, name, reference);
  const auto tag = repository.tags.find(reference);
  const std::string digest = tag == repository.tags.end() ? reference : tag->second;
  const auto it = repository.manifests.find(digest);
  if (request.method == "DELETE") {
    if (!options_.deletes) return {405, "", Errors("UNSUPPORTED", "the operation is unsupported")};
    if (it == repository.manifests.end()) return {404, "", Errors("MANIFEST_UNKNOWN", "manifest unknown")};
    for (auto at = repository.tags.begin(); at != repository.tags.end();) {
      at = at->second == digest ? repository.tags.erase(at) : std::next(at);
    }
    repository.manifests.erase(it);
    return {202, "", ""};
  }
  if (it == repository.manifests.end()) return {404, "", Errors("MANIFEST_UNKNOWN", "manifest unknown")};
  return {200, Cat("Content-Type: ", repository.types[digest], "\r\n", DigestField(digest)), it->second};
}

FakeRegistry::Answer FakeRegistry::Store(const Request& request, const std::string& name,
                                         const std::string& reference) {
  Repository& repository = repositories_[name];
  const std::string digest = Digest(request.body);
  // Config and layers; of an index the manifests.
  const bool index = absl::StrContains(request.Field("content-type"), "index");
  const std::string part = request.body.substr(0, request.body.find("\"subject\":"));
  for (size_t at = 0; (at = part.find("\"digest\":\"", at)) != std::string::npos; at += 10) {
    const std::string named = part.substr(at + 10, 71);
    if (index ? repository.manifests.count(named) == 0 : repository.blobs.count(named) == 0) {
      return {404, "", Errors("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")};
    }
  }
  repository.manifests[digest] = request.body;
  repository.types[digest] = request.Field("content-type");
  if (!absl::StartsWith(reference, "sha256:")) repository.tags[reference] = digest;
  const std::string subject = SubjectOf(request.body);
  const std::string seen = options_.subject && !subject.empty() ? Cat("OCI-Subject: ", subject, "\r\n") : "";
  return {201, Cat("Location: /v2/", name, "/manifests/", digest, "\r\n", seen, DigestField(digest)), ""};
}

FakeRegistry::Answer FakeRegistry::Referrers(const std::string& name, const std::string& digest) {
  if (!options_.subject) return {404, "", "404 page not found\n"};
  std::string lines;
  for (const auto& [own, bytes] : repositories_[name].manifests) {
    if (SubjectOf(bytes) != digest) continue;
    lines +=
        Cat(lines.empty() ? "" : ",", "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"",
            own, "\",\"size\":", bytes.size(), "}");
  }
  return {200, "Content-Type: application/vnd.oci.image.index.v1+json\r\n",
          Cat("{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[", lines,
              "]}")};
}

}  // namespace gofarm::testing
