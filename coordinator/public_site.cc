#include "coordinator/public_site.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/attest/minisign.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/http/file_response.h"
#include "common/io/decompress.h"
#include "common/io/fd.h"
#include "common/io/files.h"
#include "common/publish/generation.h"
#include "common/publish/key_list.h"
#include "coordinator/answer_response.h"
#include "coordinator/publish/file_names.h"
#include "coordinator/publish/program_finder.h"
#include "coordinator/publish/public_log.h"
#include "coordinator/publish/record.h"
#include "coordinator/web/install_script.h"
#include "coordinator/web/page.h"

namespace gofarm::coordinator {
namespace {

using http::BodyStream;
using http::Request;
using http::Response;

constexpr char kPackedEnd[] = ".zst";
constexpr int64_t kPlainBytesMax = int64_t{1} << 32;

Response Refusal(const absl::Status& status) {
  return {.status = web::StatusCodeOf(status), .body = Cat(EscapeForPrint(Sv(status.message())), "\n")};
}

Scope CallScope() { return Scope::For(kSiteCallMax); }

// A packed file, expanded while it is sent.
class ExpandedStream final : public BodyStream {
 public:
  // Null: kExpandingMax are under way.
  static std::shared_ptr<ExpandedStream> Make(io::Fd fd) {
    auto stream = std::make_shared<ExpandedStream>(std::move(fd));
    return under_way_ > kExpandingMax ? nullptr : stream;
  }
  explicit ExpandedStream(io::Fd fd)
      : fd_(std::move(fd)), expander_([this](std::string_view bytes) { return Keep(bytes); }, kPlainBytesMax) {
    ++under_way_;
  }
  ~ExpandedStream() override { --under_way_; }

  absl::StatusOr<Piece> Next() override {
    while (ready_.size() < http::kPieceBytesMax && !ended_) {
      char buffer[16 << 10];
      const ssize_t n = ::pread(fd_.get(), buffer, sizeof buffer, at_);
      if (n < 0) return ErrnoStatus(errno, "read the index");
      if (n == 0) {
        GOFARM_RETURN_IF_ERROR(expander_.Finish());
        ended_ = true;
        break;
      }
      at_ += n;
      GOFARM_RETURN_IF_ERROR(expander_.Add({buffer, static_cast<size_t>(n)}));
    }
    Piece piece;
    piece.data = ready_.substr(0, http::kPieceBytesMax);
    ready_.erase(0, piece.data.size());
    if (ended_ && ready_.empty()) piece.then = Piece::Then::kEnd;
    return piece;
  }

 private:
  absl::Status Keep(std::string_view bytes) {
    ready_ += bytes;
    return absl::OkStatus();
  }
  const io::Fd fd_;
  int64_t at_ = 0;
  std::string ready_;
  bool ended_ = false;
  io::Decompressor expander_;
  static inline std::atomic<int> under_way_ = 0;
};

struct OpenedFile {
  io::Fd fd;
  struct stat facts {};
};

absl::StatusOr<OpenedFile> OpenFile(const std::string& path) {
  OpenedFile file{.fd = io::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW))};
  if (!file.fd) return ErrnoStatus(errno, "open the file that is asked for");
  if (::fstat(file.fd.get(), &file.facts) != 0 || !S_ISREG(file.facts.st_mode)) {
    return absl::NotFoundError("there is no such file");
  }
  return file;
}

std::string TypeOf(std::string_view name) {
  if (absl::EndsWith(Av(name), ".json")) return "application/json";
  if (absl::EndsWith(Av(name), kPackedEnd)) return "application/zstd";
  return "text/plain; charset=utf-8";
}

// A file that does not change keeps its inode over the states of the index.
std::string TagOf(const struct stat& facts, std::string_view form) {
  return Cat("\"", facts.st_ino, "-", facts.st_mtim.tv_sec, "-", facts.st_mtim.tv_nsec, "-", facts.st_size, form, "\"");
}

Response IndexFile(const Request& request, const SiteParts& parts) {
  const std::string name(request.Parameter("file"));
  if (!publish::IsIndexFile(name)) return Refusal(absl::NotFoundError("there is no such file of the index"));
  const std::string folder = parts.publishing.IndexFolder();
  if (folder.empty()) return Refusal(absl::UnavailableError(parts.publishing.WhyOff().message()));
  absl::StatusOr<OpenedFile> file = OpenFile(Cat(folder, "/", name));
  if (file.ok()) {
    const int64_t size = file->facts.st_size;
    return http::FileResponse(
        request,
        {.fd = std::move(file->fd), .size = size, .content_type = TypeOf(name), .etag = TagOf(file->facts, "")});
  }
  if (!absl::IsNotFound(file.status()) || !absl::EndsWith(name, ".json")) return Refusal(file.status());
  file = OpenFile(Cat(folder, "/", name, kPackedEnd));
  if (!file.ok()) return Refusal(file.status());
  Response response{.content_type = TypeOf(name)};
  const std::string tag = TagOf(file->facts, "-plain");
  response.headers.Add("ETag", tag);
  response.headers.Add("Cache-Control", "no-cache");
  if (request.headers.Get("if-none-match") == tag) {
    response.status = 304;
    return response;
  }
  response.stream = ExpandedStream::Make(std::move(file->fd));
  if (response.stream == nullptr) {
    return Refusal(absl::UnavailableError(Cat("too many take this file unpacked; take ", name, kPackedEnd)));
  }
  return response;
}

Response Serve(const Request& request, const SiteParts& parts, const absl::StatusOr<domain::PublicFile>& wanted,
               std::string_view name, bool immutable) {
  if (!wanted.ok()) return Refusal(wanted.status());
  const absl::StatusOr<std::string> path = parts.blobs.LocalFile(wanted->sha256);
  if (!path.ok()) return Refusal(path.status());
  absl::StatusOr<OpenedFile> file = OpenFile(*path);
  if (!file.ok()) return Refusal(file.status());
  const int64_t size = file->facts.st_size;
  Response response = http::FileResponse(
      request, {.fd = std::move(file->fd),
                .size = size,
                .content_type = wanted->kind == "executable" ? "application/octet-stream" : TypeOf(name),
                .etag = Cat("\"", wanted->sha256, "\""),
                .immutable = immutable});
  // Nothing of it is for a browser to run or to guess at.
  response.headers.Add("X-Content-Type-Options", "nosniff");
  response.headers.Add("Content-Security-Policy", "default-src 'none'; sandbox");
  return response;
}

std::optional<AttemptToken> TokenOf(const Request& request) {
  int64_t token = 0;
  if (!absl::SimpleAtoi(Av(request.Parameter("token")), &token) || token <= 0) return std::nullopt;
  return AttemptToken{token};
}

Response Log(const Request& request, const SiteParts& parts) {
  const std::optional<AttemptToken> token = TokenOf(request);
  if (!token) return Refusal(absl::NotFoundError("there is no such log"));
  const absl::StatusOr<bool> is_public = parts.publishing.store().IsPublic(CallScope(), *token);
  if (!is_public.ok()) return Refusal(is_public.status());
  if (!*is_public) return Refusal(absl::NotFoundError("no log of this build is published"));
  absl::StatusOr<std::string> text = publish::PublicLog(parts.logs, *token);
  if (!text.ok()) return Refusal(text.status());
  Response response{.body = *std::move(text)};
  response.headers.Add("X-Content-Type-Options", "nosniff");
  return response;
}

// A small file of a build. NOT_FOUND: it has none of that name.
absl::StatusOr<std::string> TextOf(const SiteParts& parts, AttemptToken token, const std::string& name,
                                   int64_t bytes_max) {
  GOFARM_ASSIGN_OR_RETURN(const domain::PublicFile file,
                          parts.publishing.store().PublicFileOf(CallScope(), token, name));
  GOFARM_ASSIGN_OR_RETURN(const std::string path, parts.blobs.LocalFile(file.sha256));
  return io::ReadFile(path, bytes_max);
}

// By which of `known` the CHECKSUM of a build is signed. That is done once, when the build ends, so the key may have
// ended since. Empty: it has no signature, or one by another key.
absl::StatusOr<std::string> ChecksumKey(const SiteParts& parts, AttemptToken token,
                                        const std::vector<domain::PublishKey>& known) {
  const absl::StatusOr<std::string> signature =
      TextOf(parts, token, publish::kChecksumSignatureFile, int64_t{attest::kMinisignSignatureBytesMax});
  if (absl::IsNotFound(signature.status())) return std::string();
  if (!signature.ok()) return signature.status();
  const absl::StatusOr<std::string> id = attest::MinisignKeyId(*signature);
  for (const domain::PublishKey& key : known) {
    if (!id.ok() || key.kind != publish::kMinisignKind) continue;
    const absl::StatusOr<attest::MinisignPublicKey> parsed = attest::MinisignPublicKey::Parse(key.public_key);
    if (parsed.ok() && parsed->id() == *id) return key.public_key;
  }
  return std::string();
}

absl::StatusOr<web::InstallOffer> OfferOf(const Request& request, const SiteParts& parts) {
  GOFARM_ASSIGN_OR_RETURN(const publish::FoundProgram found,
                          publish::FindProgram(CallScope(), parts.publishing.store(), request.Parameter("address")));
  GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const publish::Keys> keys, parts.publishing.CurrentKeys());
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::PublishKey> known, parts.publishing.store().Keys(CallScope()));
  const std::string& base = parts.publishing.public_url();
  web::InstallOffer offer{.name = found.name,
                          .module = found.module,
                          .import_path = found.import_path,
                          .version = found.version,
                          .page_url = Cat(base, "/p/", found.import_path),
                          .public_key = keys->minisign().public_key().Line()};
  for (const domain::Release& file : found.files) {
    GOFARM_ASSIGN_OR_RETURN(std::string signed_by, ChecksumKey(parts, file.token, known));
    offer.files.push_back({.target = file.target,
                           .url = publish::BlobUrl(base, file.sha256),
                           .sha256 = file.sha256,
                           .size = file.size,
                           .signature_url = publish::FileUrl(base, file.token, publish::kChecksumSignatureFile),
                           .signed_list_url = publish::FileUrl(base, file.token, publish::kChecksumFile),
                           .public_key = std::move(signed_by)});
  }
  return offer;
}

// What the program answers, from its record beside it; without it the page has the rest.
publish::RecordTexts TextsOf(const publish::FoundProgram& found, const SiteParts& parts) {
  const absl::StatusOr<std::string> json =
      TextOf(parts, found.files.front().token, Cat(found.name, publish::kRecordEnd), publish::kRecordFileBytesMax);
  return json.ok() ? publish::TextsOfRecord(*json) : publish::RecordTexts();
}

web::ProgramFacts FactsOf(const publish::FoundProgram& found, std::string_view base) {
  const domain::Release& first = found.files.front();
  const auto url = [&](std::string_view end) { return publish::FileUrl(base, first.token, Cat(found.name, end)); };
  web::ProgramFacts facts{
      .module = found.module,
      .import_path = found.import_path,
      .name = found.name,
      .version = found.version,
      .description = first.facts.description,
      .repository = first.facts.repository.empty() ? "" : Cat("https://", first.facts.repository),
      .licences = first.facts.licences,
      .licence_note = first.facts.licence_note,
      // Signed once more when it was built again.
      .attachments = {.provenance = publish::FileUrl(base, first.rebuild ? first.rebuild : first.token,
                                                     Cat(found.name, publish::kProvenanceEnd)),
                      .sbom = url(publish::kSbomEnd),
                      .licences = url(publish::kLicencesEnd),
                      .checksums = publish::FileUrl(base, first.token, publish::kChecksumFile),
                      .log = publish::LogUrl(base, first.token)},
      .built_at = first.built_at,
      .go_version = first.go_version};
  bool all_reproduced = true;
  for (const domain::Release& file : found.files) {
    facts.files.push_back({.target = file.target,
                           .url = publish::BlobUrl(base, file.sha256),
                           .size = file.size,
                           .sha256 = file.sha256,
                           .blake3 = file.blake3});
    if (file.differed > 0) {
      facts.reproduced = web::Reproduced::kNo;
      facts.reproduced_detail = file.rebuild_detail;
      if (file.rebuild) {
        facts.reproduced_report = publish::FileUrl(base, file.rebuild, Cat(found.name, publish::kDiffEnd));
      }
      facts.reproduced_at = file.rebuilt_at;
    }
    all_reproduced = all_reproduced && file.reproduced > 0;
  }
  if (all_reproduced && facts.reproduced == web::Reproduced::kNotTried) {
    facts.reproduced = web::Reproduced::kYes;
    for (const domain::Release& file : found.files) {
      facts.reproduced_at = std::max(facts.reproduced_at, file.rebuilt_at);
    }
  }
  if (first.facts.deprecated) {
    facts.deprecated = first.facts.deprecated_note.empty() ? "no reason is given" : first.facts.deprecated_note;
  }
  for (const std::string& version : found.versions) facts.versions.push_back({.version = version});
  facts.versions_total = static_cast<int64_t>(found.versions.size());
  return facts;
}

Response Page(const Request& request, const SiteParts& parts) {
  const std::string_view accept = request.headers.Get("accept"), address = request.Parameter("address");
  const absl::StatusOr<publish::FoundProgram> found =
      publish::FindProgram(CallScope(), parts.publishing.store(), address);
  if (!found.ok()) {
    return ResponseOf(web::NoPage(accept, web::StatusCodeOf(found.status()), address, Sv(found.status().message())));
  }
  web::FarmAddresses farm{.public_url = parts.publishing.public_url(), .minisign_public_key = ""};
  const absl::StatusOr<std::shared_ptr<const publish::Keys>> keys = parts.publishing.CurrentKeys();
  if (keys.ok()) farm.minisign_public_key = (*keys)->minisign().public_key().Line();
  web::ProgramFacts facts = FactsOf(*found, farm.public_url);
  publish::RecordTexts texts = TextsOf(*found, parts);
  facts.version_output = std::move(texts.version_output);
  facts.help_output = std::move(texts.help);
  return ResponseOf(web::ProgramPage(accept, farm, facts));
}

}  // namespace

void AddSite(http::Router& router, const WithSite& with) {
  using Kind = http::Router::Kind;
  const auto add = [&](const char* pattern, Response (*handler)(const Request&, const SiteParts&)) {
    router.Get(pattern, Kind::kBlocking, [with, handler](const Request& request) {
      return with([&](const SiteParts& parts) { return handler(request, parts); });
    });
  };
  add("/index/{file...}", IndexFile);
  add("/blobs/sha256/{digest}", [](const Request& request, const SiteParts& parts) {
    const std::string digest(request.Parameter("digest"));
    if (!blob::IsDigest(digest)) return Refusal(absl::NotFoundError("this is no SHA-256"));
    return Serve(request, parts, parts.publishing.store().PublicBlob(CallScope(), digest), "", true);
  });
  add("/files/{token}/{name}", [](const Request& request, const SiteParts& parts) {
    const std::optional<AttemptToken> token = TokenOf(request);
    if (!token) return Refusal(absl::NotFoundError("there is no such file"));
    const std::string name(request.Parameter("name"));
    return Serve(request, parts, parts.publishing.store().PublicFileOf(CallScope(), *token, name), name, true);
  });
  add("/logs/{token}", Log);
  add("/i/{address...}", [](const Request& request, const SiteParts& parts) {
    return ResponseOf(web::InstallAnswer(OfferOf(request, parts)));
  });
  add("/p/{address...}", Page);
}

}  // namespace gofarm::coordinator
