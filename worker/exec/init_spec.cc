#include "worker/exec/init_spec.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::exec {
namespace {

constexpr std::string_view kVersion = "gofarm-sandbox-2";

// Places the sandbox fills by itself.
constexpr std::string_view kReserved[] = {"/proc", "/dev", "/etc", "/tmp"};

bool IsBelow(std::string_view path, std::string_view folder) {
  return path.substr(0, folder.size()) == folder && (path.size() == folder.size() || path[folder.size()] == '/');
}

absl::Status CheckDest(const std::string& dest) {
  const bool plain = dest.size() > 1 && dest[0] == '/' && dest.back() != '/' && dest.find("//") == std::string::npos &&
                     (dest + "/").find("/../") == std::string::npos && (dest + "/").find("/./") == std::string::npos;
  if (!plain) return absl::InvalidArgumentError(Cat("mount at '", EscapeForPrint(dest), "': no plain absolute path"));
  for (const std::string_view reserved : kReserved) {
    if (IsBelow(dest, reserved)) {
      return absl::InvalidArgumentError(Cat("mount at ", dest, ": ", reserved, " is the sandbox's own"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckText(std::string_view text, std::string_view what) {
  if (text.find('\0') == std::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(Cat(what, " with a zero byte: ", EscapeForPrint(text)));
}

class Writer {
 public:
  void Text(std::string_view text) {
    Number(static_cast<int64_t>(text.size()));
    out_.append(text);
  }
  void Number(int64_t number) {
    absl::StrAppend(&out_, number);
    out_.push_back('\n');
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

// After the first mistake every answer is empty, and `ok` says so once at the end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  int64_t Number() {
    const size_t end = rest_.find('\n');
    int64_t number = 0;
    if (end == std::string_view::npos || end > 20 || !absl::SimpleAtoi(Av(rest_.substr(0, end)), &number)) {
      Fail();
      return 0;
    }
    rest_.remove_prefix(end + 1);
    return number;
  }
  std::string Text() {
    const int64_t size = Number();
    if (size < 0 || static_cast<size_t>(size) > rest_.size()) {
      Fail();
      return "";
    }
    std::string text(rest_.substr(0, static_cast<size_t>(size)));
    rest_.remove_prefix(static_cast<size_t>(size));
    return text;
  }
  // Number of entries that follow; each takes at least two bytes, so a lying count cannot make us reserve much.
  size_t Count() {
    const int64_t count = Number();
    if (count >= 0 && static_cast<size_t>(count) <= rest_.size() / 2) return static_cast<size_t>(count);
    Fail();
    return 0;
  }
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  void Fail() {
    ok_ = false;
    rest_ = {};
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

const BindMount* OuterBind(const std::vector<BindMount>& binds, const BindMount& bind) {
  for (const BindMount& earlier : binds) {
    if (&earlier == &bind) break;
    if (bind.dest.size() > earlier.dest.size() && IsBelow(bind.dest, earlier.dest)) return &earlier;
  }
  return nullptr;
}

absl::Status CheckSpec(const SandboxSpec& spec) {
  if (spec.argv.empty() || spec.argv[0].empty()) return absl::InvalidArgumentError("sandbox: no command");
  for (const std::string& arg : spec.argv) GOFARM_RETURN_IF_ERROR(CheckText(arg, "argument"));
  for (const auto& [name, value] : spec.environment) {
    if (name.empty() || name.find('=') != std::string::npos) {
      return absl::InvalidArgumentError(Cat("environment: bad name '", EscapeForPrint(name), "'"));
    }
    GOFARM_RETURN_IF_ERROR(CheckText(name, "environment name"));
    GOFARM_RETURN_IF_ERROR(CheckText(value, Cat("value of ", name)));
  }
  GOFARM_RETURN_IF_ERROR(CheckText(spec.working_directory, "working directory"));
  if (spec.working_directory.empty() || spec.working_directory[0] != '/') {
    return absl::InvalidArgumentError("sandbox: the working directory is no absolute path");
  }
  for (const BindMount& bind : spec.binds) {
    GOFARM_RETURN_IF_ERROR(CheckText(bind.source, "mount source"));
    GOFARM_RETURN_IF_ERROR(CheckText(bind.dest, "mount"));
    GOFARM_RETURN_IF_ERROR(CheckDest(bind.dest));
    if (bind.writable && OuterBind(spec.binds, bind) != nullptr) {
      return absl::InvalidArgumentError(Cat("mount at ", bind.dest, ": inside another mount it must be read-only"));
    }
  }
  for (const OverlayMount& overlay : spec.overlays) {
    GOFARM_RETURN_IF_ERROR(CheckText(overlay.lower, "overlay source"));
    GOFARM_RETURN_IF_ERROR(CheckText(overlay.scratch, "overlay scratch folder"));
    GOFARM_RETURN_IF_ERROR(CheckText(overlay.dest, "overlay"));
    GOFARM_RETURN_IF_ERROR(CheckDest(overlay.dest));
  }
  const SandboxLimits& limits = spec.limits;
  // No time left is no mistake: such a run ends at once by kWall.
  if (limits.processes < 1 || limits.memory_bytes < 1 || limits.output_bytes < 1) {
    return absl::InvalidArgumentError("sandbox: the limits of processes, memory and output must be above zero");
  }
  if (spec.slot < 0) return absl::InvalidArgumentError("sandbox: negative slot");
  return absl::OkStatus();
}

// Only what sandbox-init needs: time, memory and watched folders stay with Run.
std::string EncodeInitSpec(const InitSpec& spec) {
  Writer w;
  w.Text(kVersion);
  w.Text(spec.bwrap);
  w.Number(spec.uid);
  w.Number(spec.defences.system_call_filter ? 1 : 0);
  w.Number(spec.defences.no_nested_user_namespaces ? 1 : 0);
  const SandboxSpec& s = spec.sandbox;
  w.Number(static_cast<int64_t>(s.argv.size()));
  for (const std::string& arg : s.argv) w.Text(arg);
  w.Number(static_cast<int64_t>(s.environment.size()));
  for (const auto& [name, value] : s.environment) {
    w.Text(name);
    w.Text(value);
  }
  w.Text(s.working_directory);
  w.Number(static_cast<int64_t>(s.binds.size()));
  for (const BindMount& bind : s.binds) {
    w.Text(bind.source);
    w.Text(bind.dest);
    w.Number(bind.writable ? 1 : 0);
  }
  w.Number(static_cast<int64_t>(s.overlays.size()));
  for (const OverlayMount& overlay : s.overlays) {
    w.Text(overlay.lower);
    w.Text(overlay.scratch);
    w.Text(overlay.dest);
    w.Number(overlay.keep ? 1 : 0);
  }
  w.Number(s.network ? 1 : 0);
  w.Number(s.endless_devices ? 1 : 0);
  w.Number(s.limits.processes);
  w.Number(s.limits.output_bytes);
  return w.Take();
}

absl::StatusOr<InitSpec> DecodeInitSpec(std::string_view bytes) {
  Reader r(bytes);
  if (r.Text() != kVersion) return absl::InvalidArgumentError("sandbox spec: not of this version");
  InitSpec spec;
  SandboxSpec& s = spec.sandbox;
  spec.bwrap = r.Text();
  spec.uid = static_cast<int>(r.Number());
  spec.defences.system_call_filter = r.Number() != 0;
  spec.defences.no_nested_user_namespaces = r.Number() != 0;
  for (size_t n = r.Count(); n > 0; --n) s.argv.push_back(r.Text());
  for (size_t n = r.Count(); n > 0; --n) {
    std::string name = r.Text();
    s.environment.emplace_back(std::move(name), r.Text());
  }
  s.working_directory = r.Text();
  for (size_t n = r.Count(); n > 0; --n) {
    BindMount bind;
    bind.source = r.Text();
    bind.dest = r.Text();
    bind.writable = r.Number() != 0;
    s.binds.push_back(std::move(bind));
  }
  for (size_t n = r.Count(); n > 0; --n) {
    OverlayMount overlay;
    overlay.lower = r.Text();
    overlay.scratch = r.Text();
    overlay.dest = r.Text();
    overlay.keep = r.Number() != 0;
    s.overlays.push_back(std::move(overlay));
  }
  s.network = r.Number() != 0;
  s.endless_devices = r.Number() != 0;
  s.limits.processes = static_cast<int>(r.Number());
  s.limits.output_bytes = r.Number();
  if (!r.AtEnd()) return absl::InvalidArgumentError("sandbox spec: garbled");
  GOFARM_RETURN_IF_ERROR(CheckSpec(s));
  return spec;
}

}  // namespace gofarm::exec
