#include "cli/install/index_reader.h"

#include <algorithm>
#include <future>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/redact_url.h"
#include "common/sync/wait.h"

namespace gofarm::install {
namespace {

// A state may be swapped for the next one between the request for a file and that for its signature.
constexpr int kPairTries = 3;
constexpr int64_t kSignatureBytesMax = int64_t{attest::kMinisignSignatureBytesMax};

bool MayPass(int status) { return status == 429 || status >= 500; }

}  // namespace

absl::StatusOr<std::string> FetchSmall(const Scope& scope, const io::HttpAsk& ask, const std::string& url,
                                       int64_t bytes_max, bool fresh) {
  io::HttpRequest request{.url = url};
  // What stands between may have kept the one of the two that is old.
  if (fresh) request.headers.Add("Cache-Control", "no-cache");
  const io::HttpLimits limits{.body_bytes = bytes_max};
  absl::Status last;
  for (int tries = 1;; ++tries) {
    absl::Duration wait = kSmallRetry * tries;
    absl::StatusOr<io::HttpResponse> answer = ask(scope.Within(kSmallDeadline), request, limits, nullptr);
    if (answer.ok() && answer->status == 200) return std::move(answer->body);
    if (!answer.ok()) {
      last = answer.status();
      if (!absl::IsUnavailable(last) || scope.Done()) return last;
    } else {
      const std::string what = Cat("GET ", io::RedactUrl(url), ": HTTP status ", answer->status);
      if (answer->status == 404 || answer->status == 410) return absl::NotFoundError(what);
      last = absl::UnavailableError(what);
      if (!MayPass(answer->status)) return last;
      wait = std::max(wait, std::min(answer->retry_after.value_or(absl::ZeroDuration()), kRetryAfterMax));
    }
    if (tries >= kSmallTries || !sync::SleepFor(scope, wait)) return scope.Done() ? scope.Check() : last;
  }
}

absl::StatusOr<IndexReader::SignedFile> IndexReader::ReadFile(const Scope& scope, const std::string& name,
                                                              int64_t bytes_max) const {
  const std::string url = Cat(url_, "/", name);
  absl::Status last;
  for (int tries = 1; tries <= kPairTries; ++tries) {
    std::future<absl::StatusOr<std::string>> signature = std::async(
        std::launch::async, [&] { return FetchSmall(scope, ask_, url + ".sig", kSignatureBytesMax, tries > 1); });
    absl::StatusOr<std::string> bytes = FetchSmall(scope, ask_, url, bytes_max, tries > 1);
    const absl::StatusOr<std::string> its = signature.get();
    for (const absl::Status& status : {bytes.status(), its.status()}) {
      if (absl::IsResourceExhausted(status)) return NotAsSigned(status, name);
      if (absl::IsNotFound(status)) {
        return absl::UnavailableError(
            Cat(url_, " is no index of a gofarm, or not one of this release: ", Sv(status.message())));
      }
      GOFARM_RETURN_IF_ERROR(status);
    }
    absl::StatusOr<CheckedFile> file = CheckIndexFile(trust_, name, *bytes, *its);
    if (file.ok()) {
      return SignedFile{.bytes = *std::move(bytes), .generation = file->generation, .key = std::move(file->key)};
    }
    last = file.status();
  }
  return last;
}

absl::StatusOr<Snapshot> IndexReader::Read(const Scope& scope, absl::Span<const std::string> shards) const {
  std::vector<std::future<absl::StatusOr<SignedFile>>> coming;
  for (const std::string& shard : shards) {
    coming.push_back(std::async(std::launch::async, [this, &scope, file = publish::ShardFile(shard)] {
      return ReadFile(scope, file, publish::kShardBytesMax);
    }));
  }
  const absl::StatusOr<SignedFile> list = ReadFile(scope, publish::kKeyListFile, int64_t{publish::kKeyListBytesMax});
  std::vector<absl::StatusOr<SignedFile>> files;
  files.reserve(coming.size());
  for (auto& one : coming) files.push_back(one.get());
  GOFARM_RETURN_IF_ERROR(list.status());
  Snapshot snapshot{.keys_signed_by = list->key, .generation = list->generation};
  GOFARM_ASSIGN_OR_RETURN(snapshot.keys, publish::ReadKeyList(list->bytes));
  for (size_t i = 0; i < files.size(); ++i) {
    GOFARM_RETURN_IF_ERROR(files[i].status());
    GOFARM_ASSIGN_OR_RETURN(publish::LookupShard shard, publish::ReadShard(files[i]->bytes, shards[i]));
    snapshot.shards.push_back(std::move(shard));
    if (files[i]->generation.number > snapshot.generation.number) snapshot.generation = files[i]->generation;
  }
  return snapshot;
}

}  // namespace gofarm::install
