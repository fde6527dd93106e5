// The part of an install script that is the same in all of them. It expects these variables: name, module, package,
// version, page, offered_key, targets (those there are, for people), machine (of uname), target, and of the target's
// file url, sha256, size, signature, signed_list (empty where there is none).
#pragma once

#include <string_view>

namespace gofarm::web {

extern const std::string_view kInstallBody;

}  // namespace gofarm::web
