#include "common/publish/versions.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/text.h"
#include "common/gomod/version.h"

namespace gofarm::publish {
namespace {

constexpr std::string_view kIncompatible = "+incompatible";

// What people leave out or write in their own way.
std::string Simplified(std::string_view version) {
  std::string out = absl::AsciiStrToLower(Av(version));
  if (!out.empty() && absl::ascii_isdigit(static_cast<unsigned char>(out[0]))) out.insert(0, 1, 'v');
  for (const std::string_view ending : {kIncompatible, std::string_view("-incompatible")}) {
    if (out.ends_with(ending)) out.resize(out.size() - ending.size());
  }
  return out;
}

// Whether it is +incompatible counts more than what kind of version it is.
int RankOf(std::string_view version) {
  const int compatible = gomod::IsIncompatible(version) ? 0 : 3;
  if (gomod::IsPseudo(version)) return compatible;
  return compatible + (gomod::IsPrerelease(version) ? 1 : 2);
}

}  // namespace

int CompareVersions(std::string_view a, std::string_view b) {
  if (const int c = gomod::CompareSemver(a, b)) return c;
  if (gomod::IsIncompatible(a) != gomod::IsIncompatible(b)) return gomod::IsIncompatible(a) ? -1 : 1;
  return a.compare(b);
}

bool IsVersionPrefix(std::string_view query) {
  return gomod::IsSemver(query) && std::count(query.begin(), query.end(), '.') < 2;
}

std::optional<size_t> ChooseVersion(absl::Span<const std::string> versions, std::string_view query) {
  const bool latest = query.empty() || query == "latest";
  const std::string wanted = latest ? "" : Simplified(query);
  const bool prefix = !latest && IsVersionPrefix(wanted);
  std::optional<size_t> best;
  for (size_t i = 0; i < versions.size(); ++i) {
    const std::string& version = versions[i];
    if (!gomod::IsSemver(version)) continue;
    if (prefix && !absl::StartsWith(version, Cat(wanted, "."))) continue;
    if (!latest && !prefix && version == query) return i;
    if (!latest && !prefix && Simplified(version) != wanted) continue;
    if (!best) {
      best = i;
      continue;
    }
    const int rank = RankOf(version), best_rank = RankOf(versions[*best]);
    if (rank > best_rank || (rank == best_rank && CompareVersions(versions[*best], version) < 0)) best = i;
  }
  return best;
}

}  // namespace gofarm::publish
