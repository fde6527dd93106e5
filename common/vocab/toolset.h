// A named set of toolchains as the coordinator pins it; see ids.proto for the meaning of each field. What it is, is its
// name, its versions and the rule by which a module gets one of them. Archives may be added for other hosts; where they
// come from is no part of it.
#pragma once

#include <string>
#include <vector>

namespace gofarm {

struct Archive {
  std::string kind;       // "go" or "zig"
  std::string version;    // "1.26.8"
  std::string host_arch;  // "x86_64"
  std::string source;     // "goproxy" (module@version), "pypi" (project==version), "url", "folder"
  std::string locator;
  std::string sha256;  // of the archive file, lower-case hex; never changes for what stands above

  bool operator==(const Archive&) const = default;
};

struct Toolset {
  std::string name;
  std::vector<std::string> go_versions;  // ascending; a module gets the first that its go line allows
  // For modules whose dependencies do not compile with these; installed when it is wanted. Empty: none.
  std::string previous_go;
  std::string zig_version;
  std::vector<Archive> archives;
  std::string digest;
};

}  // namespace gofarm
