// One command's dealings with an index: which one is meant, how it is asked, and what is remembered of it afterwards.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/commands.h"
#include "cli/install/installer.h"
#include "cli/install/memory.h"
#include "cli/install/source.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"
#include "common/vocab/target.h"

namespace gofarm::cli {

inline constexpr absl::Duration kInstallMax = absl::Hours(2);

// The text of a file that --key names.
absl::StatusOr<std::string> ReadKeyFile(const std::string& path);
// `name`, else what this machine is. INVALID_ARGUMENT: none of the four.
absl::StatusOr<Target> TargetOf(const std::string& name);
// Empty where there is no home folder: nothing is remembered then.
absl::StatusOr<install::Memory> ReadUsersMemory();

class IndexSession {
 public:
  // As install::FindSource says; `key` is one that names the index.
  static absl::StatusOr<IndexSession> Open(const Globals& globals, const std::string& url, const std::string& key);

  const install::Source& source() const { return source_; }
  // Asks, and remembers what was answered; that this failed is said on stderr.
  absl::StatusOr<install::Answers> Find(const Scope& scope, const io::HttpAsk& ask,
                                        const std::vector<publish::Address>& addresses, Target target) const;

 private:
  explicit IndexSession(install::Source source) : source_(std::move(source)) {}
  install::Source source_;
};

}  // namespace gofarm::cli
