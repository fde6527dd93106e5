// Turns what a sandbox prints into log lines: whole, of bounded length, escaped, each with its tag. Keeps head and tail
// of the untagged text in memory, so that classification does not depend on how much log the farm stores. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace gofarm::build {

inline constexpr size_t kLogLineMax = 16 << 10;  // longer lines are cut, with a mark
inline constexpr size_t kKeptHeadMax = 2 << 20;  // of one try, for classification
inline constexpr size_t kKeptTailMax = 2 << 20;
inline constexpr absl::Duration kStepLogInterval = absl::Seconds(10);

// Which of the many reports of a step that takes long are worth a line in the log.
class StepLog {
 public:
  // The step says something new in words, or in numbers only and the last line is kStepLogInterval old. Versions such
  // as 1.26.8 count as words.
  bool IsNews(std::string_view step, absl::Time now);

 private:
  std::string words_;
  std::string step_;
  absl::Time logged_at_ = absl::InfinitePast();
};

class LogLines {
 public:
  // `emit` gets one or more whole lines "tag| text\n".
  using Emit = std::function<void(std::string_view)>;
  LogLines(std::string tag, Emit emit);

  void Feed(std::string_view bytes);
  // Ends an unfinished last line. Feed may follow.
  void Finish();

  // Bytes fed so far: the caller ends a build that prints without end.
  int64_t raw_bytes() const { return raw_bytes_; }
  // Escaped lines without tags; where lines are left out between head and tail, one line says so.
  std::string Kept() const;

 private:
  void EndLine(std::string& out);
  void Keep(std::string_view line);

  const std::string tag_;
  const Emit emit_;
  std::string line_;         // unfinished, at most kLogLineMax
  size_t line_dropped_ = 0;  // bytes of it beyond that
  bool line_open_ = false;
  int64_t raw_bytes_ = 0;
  std::string head_;
  std::string tail_;      // up to twice kKeptTailMax before it is cut back
  int64_t left_out_ = 0;  // bytes between head and tail
};

}  // namespace gofarm::build
