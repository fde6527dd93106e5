#include "coordinator/catalog/latest_version.h"

#include "common/gomod/version.h"

namespace gofarm::catalog {
namespace {

enum Rank { kPseudo, kIncompatiblePrerelease, kIncompatible, kPrerelease, kRelease };

Rank RankOf(std::string_view version) {
  const bool incompatible = version.back() == 'e' && version.find('+') != std::string_view::npos;
  if (version.find('-') == std::string_view::npos) return incompatible ? kIncompatible : kRelease;
  if (gomod::IsPseudo(version)) return kPseudo;
  return incompatible ? kIncompatiblePrerelease : kPrerelease;
}

// The 14 digits in front of the revision.
std::string_view TimeOfPseudo(std::string_view version) {
  version = version.substr(0, version.find('+'));
  const size_t dash = version.rfind('-');
  return version.substr(dash - 14, 14);
}

}  // namespace

bool IsBetterLatest(std::string_view candidate, std::string_view best) {
  if (candidate.empty() || best.empty()) return !candidate.empty();
  const Rank a = RankOf(candidate);
  const Rank b = RankOf(best);
  if (a != b) return a > b;
  if (a == kPseudo) {
    const int times = TimeOfPseudo(candidate).compare(TimeOfPseudo(best));
    if (times != 0) return times > 0;
  }
  if (const int order = gomod::CompareSemver(candidate, best); order != 0) return order > 0;
  // What differs only in "+incompatible" (pseudo-versions): some order, the same every time.
  return candidate > best;
}

}  // namespace gofarm::catalog
