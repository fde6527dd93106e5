// The text of an issue for the authors of a module that could not be built: why, the decisive lines, and how to see it
// with plain go commands. A draft for a person to read, change and send; nothing is sent from here. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gofarm::cli {

inline constexpr size_t kDraftLinesMax = 40;  // of each job's detail
inline constexpr size_t kDraftBytesMax = 8'000;

// Of a failed or partial job of the module.
struct UpstreamFailure {
  int64_t job = 0;
  std::string version, target;
  std::string failure_class;
  std::string detail;  // the decisive lines
  std::string go_version;
  std::vector<std::string> argv;         // of the last try
  std::vector<std::string> environment;  // of it: NAME=VALUE
  std::vector<std::string> programs;     // that failed; none: all
};

// Whether the authors could do something about it: not where a worker, a network or the farm is to blame.
bool IsUpstreams(std::string_view failure_class);

// Commands that show it on any Linux machine with Go.
std::string ReproduceCommands(const std::string& module, const UpstreamFailure& failure);

// Markdown. Failures with the same detail are told once, with all their targets. `failures` are of one version, not
// empty.
std::string UpstreamDraft(const std::string& module, const std::vector<UpstreamFailure>& failures);

}  // namespace gofarm::cli
