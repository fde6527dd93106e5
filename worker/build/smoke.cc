#include "worker/build/smoke.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>
#include <vector>

#include "common/base/text.h"
#include "common/vocab/report_check.h"

namespace gofarm::build {
namespace {

constexpr std::array<std::string_view, 3> kModes = {"off", "native", "emulator"};
constexpr size_t kLineMax = 300;  // of a quoted line

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool StartsWithAny(std::string_view line, const auto& starts) {
  return std::any_of(starts.begin(), starts.end(), [&](std::string_view start) { return line.starts_with(start); });
}

// Those that say that a program went wrong. The others are ways to end one, and SIGKILL is the kernel's for memory.
struct Signal {
  int number;
  std::string_view name;
};
constexpr std::array<Signal, 7> kCrashSignals = {{{SIGSEGV, "SIGSEGV"},
                                                  {SIGBUS, "SIGBUS"},
                                                  {SIGILL, "SIGILL"},
                                                  {SIGFPE, "SIGFPE"},
                                                  {SIGABRT, "SIGABRT"},
                                                  {SIGTRAP, "SIGTRAP"},
                                                  {SIGSYS, "SIGSYS"}}};

std::string_view CrashSignal(int number) {
  for (const Signal& signal : kCrashSignals) {
    if (signal.number == number) return signal.name;
  }
  return {};
}

// What a panic says that ran into the sandbox's walls: files, network, devices, limits. It would start elsewhere.
constexpr std::array<std::string_view, 26> kWithheld = {"no such file or directory",
                                                        "no such device",
                                                        "permission denied",
                                                        "operation not permitted",
                                                        "read-only file system",
                                                        "function not implemented",
                                                        "operation not supported",
                                                        "not supported by protocol",
                                                        "executable file not found in $PATH",
                                                        "no space left on device",
                                                        "file too large",
                                                        "too many open files",
                                                        "resource temporarily unavailable",
                                                        "cannot allocate memory",
                                                        "out of memory",
                                                        "failed to create new OS thread",
                                                        "inappropriate ioctl for device",
                                                        "connection refused",
                                                        "network is unreachable",
                                                        "no route to host",
                                                        "cannot assign requested address",
                                                        "no such host",
                                                        "server misbehaving",
                                                        "i/o timeout",
                                                        "context deadline exceeded",
                                                        "unknown time zone"};

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// "goroutine 1 [running]:", "goroutine 1 gp=0xc000002380 m=0 mp=0x586f80 [running, locked to thread]:". Number 0 is the
// runtime's own stack.
bool IsGoroutine(std::string_view line) {
  constexpr std::string_view kStart = "goroutine ";
  return line.starts_with(kStart) && line.size() > kStart.size() && line[kStart.size()] >= '1' &&
         line[kStart.size()] <= '9' && Has(line, " [") && line.ends_with("]:");
}

// "SIGSEGV: segmentation violation", which Go prints for a signal in foreign code, where it has no panic to make of it.
bool IsForeignSignal(std::string_view line) {
  const std::string_view name = line.substr(0, line.find(": "));
  return name.size() < line.size() && std::any_of(kCrashSignals.begin(), kCrashSignals.end(),
                                                  [&](const Signal& signal) { return name == signal.name; });
}

// "gopkg.in/yaml%2ev2" of "gopkg.in/yaml%2ev2.(*T).Do(0x1)", and that without Go's escapes: "gopkg.in/yaml.v2".
std::string PackageOf(std::string_view frame) {
  frame = frame.substr(0, frame.find('('));
  const size_t slash = frame.rfind('/');
  const size_t dot = frame.find('.', slash == std::string_view::npos ? 0 : slash);
  std::string package;
  for (size_t i = 0; i < std::min(dot, frame.size()); ++i) {
    const std::string_view rest = frame.substr(i);
    const bool escaped = rest.starts_with("%2e");
    package += escaped ? '.' : rest[0];
    if (escaped) i += 2;
  }
  return package;
}

// What Go prints when it gives a program up. With GOTRACEBACK=system the frames of its runtime are among the others.
struct GoTrace {
  size_t first = 0;             // its first line: "panic: ...", "fatal error: ..."
  size_t frames = 0;            // the header of the goroutine that it happened in
  bool foreign_signal = false;  // in C, say
  bool in_main = false;
  bool in_init = false;
  bool before_init = false;
  std::string package;  // that was initialised
};

// The frames of one goroutine begin after its header and end at an empty line.
void ReadFrames(const std::vector<std::string_view>& lines, GoTrace& trace) {
  std::string_view before;
  for (size_t i = trace.frames + 1; i < lines.size() && !lines[i].empty(); ++i) {
    const std::string_view line = lines[i];
    if (line[0] == '\t' || !Has(line, "(") || line.starts_with("created by ")) continue;
    if (line.starts_with("main.main(")) trace.in_main = true;
    if (line.starts_with("runtime.doInit") && !trace.in_init) {
      trace.in_init = true;
      trace.package = PackageOf(before);
    }
    if (line.starts_with("runtime.main(") || line.starts_with("runtime.schedinit(")) trace.before_init = true;
    before = line;
  }
  trace.before_init = trace.before_init && !trace.in_main && !trace.in_init;
}

std::optional<GoTrace> FindTrace(const std::vector<std::string_view>& lines) {
  static constexpr std::array<std::string_view, 2> kStarts = {"panic: ", "fatal error: "};
  std::optional<GoTrace> trace;
  bool runtime_starts = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    const bool foreign = IsForeignSignal(line) && i + 1 < lines.size() && lines[i + 1].starts_with("PC=");
    if (!trace && (foreign || StartsWithAny(line, kStarts))) trace = GoTrace{.first = i};
    if (!trace) continue;
    trace->foreign_signal |= foreign || line.starts_with("fatal error: unexpected signal during runtime execution");
    runtime_starts |= line.starts_with("runtime.schedinit(");
    if (!IsGoroutine(line)) continue;
    trace->frames = i;
    ReadFrames(lines, *trace);
    return trace;
  }
  // Before there is a goroutine, the runtime's own stack is all there is.
  if (!trace || !runtime_starts) return std::nullopt;
  trace->frames = lines.size();
  trace->before_init = true;
  return trace;
}

// Without the addresses behind a frame, which differ from run to run.
std::string Quote(const std::vector<std::string_view>& lines, size_t first) {
  std::string text;
  const size_t end = std::min(lines.size(), first + kSmokeLinesMax);
  for (size_t i = first; i < end; ++i) {
    const std::string_view line = lines[i].substr(0, lines[i].find(" fp=0x"));
    text += Cat(Clip(EscapeForPrint(line), kLineMax), "\n");
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string FirstLine(std::string_view line) { return EscapeAndClip(line, kSmokeDetailBytesMax); }

SmokeVerdict JudgeTrace(const std::vector<std::string_view>& lines, const GoTrace& trace) {
  SmokeVerdict verdict{.detail = FirstLine(lines[trace.first])};
  bool withheld = false;
  for (size_t i = trace.first; i < std::min(trace.frames, lines.size()); ++i) {
    withheld |=
        std::any_of(kWithheld.begin(), kWithheld.end(), [&](std::string_view words) { return Has(lines[i], words); });
  }
  verdict.crashed = trace.foreign_signal || (!withheld && !trace.in_main && (trace.in_init || trace.before_init));
  if (!verdict.crashed) return verdict;
  verdict.lines = Quote(lines, trace.first);
  if (trace.in_init) verdict.package = trace.package;
  return verdict;
}

SmokeVerdict JudgeSignal(int signal, const std::vector<std::string_view>& lines) {
  const std::string_view name = CrashSignal(signal);
  if (name.empty()) return {.detail = Cat("signal ", signal)};
  const std::string detail = Cat("died of signal ", signal, " (", name, ")");
  std::string said = Quote(lines, 0);
  return {.crashed = true, .detail = detail, .lines = Cat(detail, said.empty() ? "" : "\n", said)};
}

SmokeVerdict JudgeExit(int code, const std::vector<std::string_view>& lines) {
  constexpr std::string_view kNotStarted = "bwrap: execvp ";
  if (code == 1 && !lines.empty() && lines[0].starts_with(kNotStarted)) {
    // What else keeps a file from being executed is no fault of a program that passed the gate.
    const bool format = lines[0].ends_with(": Exec format error");
    return {.crashed = format, .ran = format, .detail = FirstLine(lines[0]), .lines = Quote(lines, 0)};
  }
  return {};
}

}  // namespace

std::string_view SmokeModeName(SmokeMode mode) { return kModes[static_cast<size_t>(mode)]; }

std::optional<SmokeMode> ParseSmokeMode(std::string_view name) {
  const auto found = std::find(kModes.begin(), kModes.end(), name);
  if (found == kModes.end()) return std::nullopt;
  return static_cast<SmokeMode>(found - kModes.begin());
}

exec::SandboxSpec SmokeSandbox(const SmokeFolders& folders, std::string_view name, std::string_view flag) {
  const std::string program = Cat(kOut, "/", name);
  exec::SandboxSpec spec;
  spec.binds = {{folders.program, program, false}, {folders.job, std::string(kJob), true}};
  if (!folders.emulator.empty()) {
    spec.binds.push_back({folders.emulator, std::string(kSmokeEmulator), false});
    spec.argv.emplace_back(kSmokeEmulator);
  }
  spec.argv.insert(spec.argv.end(), {program, std::string(flag)});
  // `system` names the runtime's frames: they tell initialisation from main.
  spec.environment = {{"GOTRACEBACK", "system"},
                      {"HOME", std::string(kJobHome)},
                      {"LANG", "C.UTF-8"},
                      {"LOGNAME", "build"},
                      {"PATH", "/usr/bin:/bin"},
                      {"TERM", "dumb"},
                      {"TMPDIR", std::string(kJobTmp)},
                      {"USER", "build"}};
  if (!folders.zones.empty()) {
    // Most hosts have the zones of the world, and many a program looks one up before anything else.
    spec.binds.push_back({folders.zones, std::string(kSmokeZones), false});
    spec.environment.emplace_back("ZONEINFO", kSmokeZones);
  }
  spec.working_directory = std::string(kJob);
  spec.watched = {folders.job};
  spec.endless_devices = true;
  spec.limits.wall = kSmokeRunMax;
  spec.limits.silence = 2 * kSmokeRunMax;  // never: to be silent is no fault here
  spec.limits.memory_bytes = kSmokeMemoryBytesMax;
  spec.limits.output_bytes = kSmokeFileBytesMax;
  spec.limits.processes = kSmokeProcessesMax;
  return spec;
}

SmokeVerdict JudgeSmoke(const SmokeEnd& end) {
  const std::vector<std::string_view> lines = LinesOf(end.output);
  // Go exits with 2, and with SIGABRT where a program asked for core files.
  const bool by_go = (end.result.ended_by == exec::EndedBy::kExit && end.result.exit_code == 2) ||
                     (end.result.ended_by == exec::EndedBy::kSignal && end.result.signal == SIGABRT);
  if (by_go) {
    if (const std::optional<GoTrace> trace = FindTrace(lines)) return JudgeTrace(lines, *trace);
  }
  switch (end.result.ended_by) {
    case exec::EndedBy::kExit:
      return JudgeExit(end.result.exit_code, lines);
    case exec::EndedBy::kSignal:
      return JudgeSignal(end.result.signal, lines);
    case exec::EndedBy::kWall:
    case exec::EndedBy::kSilence:
      return {.detail = std::string(kSmokeTimeOver)};
    case exec::EndedBy::kMemory:
      return {.detail = "memory"};
    case exec::EndedBy::kOutput:
      return {.detail = "files"};
    case exec::EndedBy::kStopped:
      return {.ran = end.printed_too_much, .detail = end.printed_too_much ? "output" : "stopped"};
    case exec::EndedBy::kDisk:
      return {.ran = false, .detail = "disk"};
  }
  return {.ran = false};
}

bool IsAnswer(std::string_view flag, const SmokeEnd& end, const SmokeVerdict& verdict) {
  if (!verdict.ran || verdict.crashed || !verdict.detail.empty()) return false;
  return flag == kSmokeHelp || end.result.exit_code == 0;
}

}  // namespace gofarm::build
