#include "cli/publish_check.h"

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"

namespace gofarm::cli {

std::vector<size_t> Sample(size_t count, size_t wanted, uint64_t seed) {
  std::vector<size_t> chosen;
  if (wanted >= count) wanted = count;
  if (wanted == 0) return chosen;
  // Each in a stretch of its own, so none is chosen twice.
  const size_t first = static_cast<size_t>(seed % (count / wanted));
  for (size_t i = 0; i < wanted; ++i) chosen.push_back(i * count / wanted + first);
  return chosen;
}

std::string PublishedUrl(std::string_view public_url, std::string_view sha256) {
  return Cat(public_url, "/blobs/sha256/", sha256);
}

absl::Status CheckPublished(const Scope& scope, const io::HttpAsk& ask, const std::string& url,
                            const std::string& sha256, int64_t size) {
  digest::Sha256 hash;
  int64_t got = 0;
  const io::HttpLimits limits{.body_bytes = size};
  const absl::StatusOr<io::HttpResponse> response =
      ask(scope, {.url = url, .compressed = false}, limits,
          [&](const io::HttpResponse&, std::string_view piece) -> absl::Status {
            hash.Update(piece);
            got += static_cast<int64_t>(piece.size());
            return absl::OkStatus();
          });
  if (absl::IsResourceExhausted(response.status())) {
    return absl::DataLossError(Cat(url, " has more than the ", size, " bytes that were published"));
  }
  GOFARM_RETURN_IF_ERROR(response.status());
  if (response->status == 404 || response->status == 410) {
    return absl::NotFoundError(Cat(url, " is not there (", response->status, ")"));
  }
  if (response->status != 200) return absl::UnavailableError(Cat(url, " is answered with ", response->status));
  if (const std::string is = hash.HexAndReset(); is != sha256) {
    return absl::DataLossError(Cat(url, " has ", got, " bytes with SHA-256 ", is, ", not ", sha256));
  }
  return absl::OkStatus();
}

}  // namespace gofarm::cli
