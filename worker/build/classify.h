// What a failed build's output means: for each program the failure class and the lines that decided it. Pure; the
// output comes from hostile source and is only ever matched, bounded and quoted.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/vocab/failure.h"
#include "worker/build/rules.h"

namespace gofarm::build {

inline constexpr size_t kDetailMax = 4 << 10;

struct Classified {
  FailureClass failure = FailureClass::kInternal;
  std::string detail;  // decisive lines, at most kDetailMax, escaped (newlines stay)
};

// A try's output, cut into sections. Keeps views: `text` must outlive it.
class ParsedLog {
 public:
  // `packages`: import paths that may stand before ": message"; other words there are text of a compiler.
  ParsedLog(std::string_view text, const absl::flat_hash_set<std::string>& packages);

  const std::vector<LogSection>& sections() const { return sections_; }

 private:
  std::vector<LogSection> sections_;
};

// Whether a header of this name (as included) lies in the module that `package` belongs to; then its absence is the
// source's own mistake and no missing system library.
using HasHeader = std::function<bool(std::string_view package, std::string_view include_name)>;

// What each section of a log amounts to, judged once: a hostile module has thousands of programs and megabytes of
// output.
class LogVerdicts {
 public:
  // `has_header` is asked now, about every missing header that is named. `log` must outlive it.
  LogVerdicts(const ParsedLog& log, const HasHeader& has_header);

  // The class of a program that was not built. `dependencies` holds its own import path and all it imports. The
  // sections of these packages decide; when there is none, what Go said about no package in particular; when there is
  // nothing, kInternal.
  Classified OfProgram(const absl::flat_hash_set<std::string>& dependencies) const;

 private:
  struct Verdict {
    FailureClass failure = FailureClass::kInternal;
    size_t weight = 0;  // smaller decides
    const LogSection* section = nullptr;
    size_t line = 0;
  };
  static Verdict Judge(const LogSection& section, const HasHeader& has_header, FailureClass otherwise);
  static bool Decides(const Verdict& verdict, const Verdict& over);

  const ParsedLog& log_;
  std::map<std::string_view, Verdict> of_packages_;  // of the job, the weightiest of each
  Verdict outside_, nobody_;                         // the weightiest; none: without a section
};

// The words of a tool for a disk without room.
bool SaysDiskFull(std::string_view text);

// The same text, bounded by kDetailMax and escaped.
std::string DetailOf(std::string_view text);

// Failures of worker, farm or moment: another try may end otherwise, so they end the whole attempt and not one program.
bool ConcernsWorker(FailureClass failure);

}  // namespace gofarm::build
