// Which of a module's versions is its latest, by what the index alone tells: whether a version is retracted, or has a
// go.mod, stands elsewhere. The choice of gomod::ChooseLatest with nothing retracted, and beyond it for modules that
// have pseudo-versions only. Pure.
#pragma once

#include <string_view>

namespace gofarm::catalog {

// Release before pre-release before +incompatible release before +incompatible pre-release before pseudo-version.
// Within: by semantic version; pseudo-versions by their time, then by semantic version. Equal versions are not better.
// A total order over canonical versions, so the best of all is found one by one and in parts.
bool IsBetterLatest(std::string_view candidate, std::string_view best);

}  // namespace gofarm::catalog
