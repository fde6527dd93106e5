#include "common/pki/join_source.h"

#include <unistd.h>

#include <cstring>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::pki {
namespace {

absl::StatusOr<std::string> FromStandardInput() {
  std::string text;
  char part[1024];
  while (text.size() <= kJoinStringMax) {
    const ssize_t size = ::read(STDIN_FILENO, part, sizeof part);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus(errno, "read the join string from standard input");
    if (size == 0) break;
    text.append(part, static_cast<size_t>(size));
    // A person who types it ends it with a line.
    if (text.find('\n') != std::string::npos) break;
  }
  return text;
}

}  // namespace

absl::StatusOr<JoinString> ReadJoin(std::string_view given) {
  std::string text(given);
  if (given == "-") {
    GOFARM_ASSIGN_OR_RETURN(text, FromStandardInput());
  } else if (!given.empty() && given[0] == '@') {
    GOFARM_ASSIGN_OR_RETURN_CTX(text, io::ReadFile(std::string(given.substr(1)), kJoinStringMax + 16),
                                "read the join string");
  }
  return DecodeJoin(Sv(absl::StripAsciiWhitespace(text)));
}

void HideArgument(int argc, char** argv, std::string_view given) {
  // "-" and "@FILE" are no secrets.
  if (given.size() < 2 || given[0] == '@') return;
  for (int i = 1; i < argc; ++i) {
    if (char* const found = std::strstr(argv[i], std::string(given).c_str()); found != nullptr) {
      std::memset(found, 'x', given.size());
    }
  }
}

}  // namespace gofarm::pki
