// The parser in a child process with limits of memory and CPU time: foreign sources are parsed by C code that has
// crashed on foreign sources before. The child is the calling program itself, started with kParserChildFlag, and lives
// from text to text; one that crashes is started anew. Frames both ways: a length of 4 bytes (little endian), then so
// many bytes: the text, and one byte of answer.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/godetect/tree_parser.h"
#include "common/io/fd.h"

namespace gofarm::godetect {

inline constexpr std::string_view kParserChildFlag = "--parse-go-sources";
inline constexpr size_t kParserTextMax = 64 << 20;  // one frame

struct ParserChildLimits {
  int64_t memory_bytes = int64_t{2} << 30;         // address space: above what a parse may count (TreeLimits)
  absl::Duration cpu = absl::Seconds(120);         // of one text
  absl::Duration answer_time = absl::Minutes(10);  // by the clock; a loaded machine must not change verdicts
};

// For one thread at a time.
class ParserChild final : public SourceParser {
 public:
  // `program`: what is started; empty: the running one. `scope`'s stop ends a wait.
  explicit ParserChild(Scope scope, ParserChildLimits limits = {}, std::string program = "");
  ~ParserChild() override;
  ParserChild(const ParserChild&) = delete;
  ParserChild& operator=(const ParserChild&) = delete;

  // ABORTED: this text ended the child, or took longer than answer_time; the next text gets a new child. CANCELLED and
  // DEADLINE_EXCEEDED by the scope.
  absl::StatusOr<bool> DeclaresMain(std::string_view text) override;

  int64_t starts() const { return starts_; }

 private:
  absl::Status Start();
  // Ends the child; how it ended, for messages.
  std::string End();
  bool HasEnded() const;
  absl::Status Send(const Scope& scope, std::string_view bytes);
  absl::Status Receive(const Scope& scope, char* out, size_t size);

  const Scope scope_;
  const ParserChildLimits limits_;
  const std::string program_;
  io::Fd socket_;
  pid_t pid_ = 0;  // 0: none
  int64_t starts_ = 0;
};

// Is this process to be such a child? `argv` as main has it; asked first of all.
bool IsParserChild(int argc, char** argv);
// What the child does until its input ends. The exit code.
int RunParserChild(int argc, char** argv);

}  // namespace gofarm::godetect
