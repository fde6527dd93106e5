// The smoke run: whether a program that was built starts at all. What its sandbox is, and what the end of a run means.
// Pure; the program is hostile and its output is only ever matched, bounded and quoted. docs/smoke.md says what counts
// as a crash, and why so little does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/vocab/target.h"
#include "worker/build/recipe.h"
#include "worker/exec/sandbox.h"

namespace gofarm::build {

// Which programs are run. kEmulator: where the worker is no host of the target, by qemu-user if it is there.
enum class SmokeMode { kOff, kNative, kEmulator };
std::string_view SmokeModeName(SmokeMode mode);  // "off", "native", "emulator"
std::optional<SmokeMode> ParseSmokeMode(std::string_view name);

inline constexpr std::string_view kSmokeHelp = "--help", kSmokeVersion = "--version";
inline constexpr std::string_view kSmokeFlags[] = {kSmokeHelp, kSmokeVersion};

// A program that still runs after that has started: a server, or one that waits for input.
inline constexpr absl::Duration kSmokeRunMax = absl::Seconds(5);
// All programs of an attempt together; the rest is not run.
inline constexpr absl::Duration kSmokeAttemptMax = absl::Seconds(60);
inline constexpr int64_t kSmokeMemoryBytesMax = int64_t{2} << 30;
inline constexpr int64_t kSmokeFileBytesMax = int64_t{64} << 20;  // of what it writes to its folder
inline constexpr int kSmokeProcessesMax = 512;                    // threads count
inline constexpr size_t kSmokeOutputBytesMax = 1 << 20;           // one that prints more is ended
inline constexpr size_t kSmokeLinesMax = 12;                      // that are kept of a crash
// The detail of a run that was ended when its time was over.
inline constexpr std::string_view kSmokeTimeOver = "time";

// Places inside.
inline constexpr std::string_view kSmokeEmulator = "/emulator";
inline constexpr std::string_view kSmokeZones = "/zoneinfo.zip";

// On the host.
struct SmokeFolders {
  std::string program;   // the file
  std::string job;       // of this run, with home and tmp in it
  std::string emulator;  // empty: the host runs it by itself
  std::string zones;     // zoneinfo.zip of the Go that built it
};
// The build's sandbox with nothing in it but the program, read-only, and one small folder to write to. The name is the
// last element of argv[0], by which some programs decide what they are.
exec::SandboxSpec SmokeSandbox(const SmokeFolders& folders, std::string_view name, std::string_view flag);

// How a run ended.
struct SmokeEnd {
  exec::SandboxResult result;
  bool printed_too_much = false;
  std::string_view output;  // both streams, as they came
};

struct SmokeVerdict {
  bool crashed = false;
  bool ran = true;      // false: the worker had no means to tell
  std::string detail;   // one line; empty: it ended by itself
  std::string lines;    // of a crash: what it printed, at most kSmokeLinesMax
  std::string package;  // of a crash while a package was initialised: which, as Go names it ("main": the program's own)
};
SmokeVerdict JudgeSmoke(const SmokeEnd& end);

// Whether the output of a run is the program's answer to `flag`: it ended by itself, and did not complain of an unknown
// flag. Many programs exit with an error after their help; after --version that means that they know no such flag.
bool IsAnswer(std::string_view flag, const SmokeEnd& end, const SmokeVerdict& verdict);

}  // namespace gofarm::build
