#include "coordinator/web/install_script.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/publish/install_note.h"
#include "coordinator/web/install_body.h"
#include "coordinator/web/shell_text.h"

namespace gofarm::web {
namespace {

constexpr size_t kPublicKeyMax = 100;  // bytes; minisign's are 56

absl::Status FieldError(std::string_view field, std::string_view value, std::string_view must) {
  return absl::InvalidArgumentError(
      Cat("make an install script: ", field, " \"", EscapeAndClip(value, 200), "\" must be ", must));
}

// It is said to a shell as a quoted word, and to curl and wget as an argument: no blank, no quote, no control
// character.
absl::Status CheckUrl(std::string_view field, std::string_view url) {
  const bool web = absl::StartsWith(Av(url), "http://") || absl::StartsWith(Av(url), "https://");
  const bool plain = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7F && c != '\''; });
  if (web && plain && url.size() <= kScriptUrlMax) return absl::OkStatus();
  return FieldError(field, url, Cat("an http or https URL of at most ", kScriptUrlMax, " printable ASCII characters"));
}

absl::Status CheckKey(std::string_view key) {
  const bool base64 = std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/' || c == '=';
  });
  if (base64 && key.size() <= kPublicKeyMax) return absl::OkStatus();
  return FieldError("public_key", key, "the base64 line of a minisign key");
}

absl::Status CheckFile(const OfferedFile& file) {
  GOFARM_RETURN_IF_ERROR(CheckUrl("url", file.url));
  if (!IsLowerHex(file.sha256)) return FieldError("sha256", file.sha256, "64 lower-case hex digits");
  if (file.size <= 0) return FieldError("size", Cat(file.size), "a number of bytes above 0");
  if (!file.signature_url.empty()) GOFARM_RETURN_IF_ERROR(CheckUrl("signature_url", file.signature_url));
  if (!file.signed_list_url.empty()) GOFARM_RETURN_IF_ERROR(CheckUrl("signed_list_url", file.signed_list_url));
  return CheckKey(file.public_key);
}

absl::Status CheckOffer(const InstallOffer& offer) {
  if (!publish::IsInstallName(offer.name)) {
    return FieldError(
        "name", offer.name,
        Cat("a file name of letters, digits and \"._-+~\", of at most ", publish::kInstallNameMax, " bytes"));
  }
  if (!offer.page_url.empty()) GOFARM_RETURN_IF_ERROR(CheckUrl("page_url", offer.page_url));
  GOFARM_RETURN_IF_ERROR(CheckKey(offer.public_key));
  if (offer.files.empty()) return FieldError("files", "", "at least one");
  for (auto file = offer.files.begin(); file != offer.files.end(); ++file) {
    GOFARM_RETURN_IF_ERROR(CheckFile(*file));
    const auto same = [&file](const OfferedFile& other) { return other.target == file->target; };
    if (std::any_of(offer.files.begin(), file, same)) {
      return FieldError("files", TargetName(file->target), "one for each target at most");
    }
  }
  return absl::OkStatus();
}

// What `uname -m` says on a machine of that target.
std::string_view MachinePattern(Target target) {
  switch (target) {
    case Target::kX86_64:
      return "x86_64 | amd64";
    case Target::kAarch64:
      return "aarch64 | arm64";
    case Target::kRiscv64:
      return "riscv64";
    case Target::kLoongarch64:
      return "loongarch64";
  }
  return "";
}

std::string Assignment(std::string_view name, std::string_view value) {
  return Cat("  ", name, "=", ShellQuotePrintable(value, kScriptTextMax), "\n");
}

Answer ScriptAnswer(int status, std::string script) {
  // As plain text, so that a browser shows what it would run.
  Answer answer{.status = status, .body = std::move(script)};
  answer.headers.Add("X-Content-Type-Options", "nosniff");
  return answer;
}

}  // namespace

absl::StatusOr<std::string> InstallScript(const InstallOffer& offer) {
  GOFARM_RETURN_IF_ERROR(CheckOffer(offer));
  std::vector<std::string_view> names;
  for (const OfferedFile& file : offer.files) names.push_back(TargetName(file.target));
  std::string script =
      "#!/bin/sh\n"
      "# Installs one program that a gofarm build farm built. Nothing runs before the last line, which calls the "
      "function.\n"
      "gofarm_install() (\n";
  script += Assignment("name", offer.name);
  script += Assignment("module", offer.module);
  script += Assignment("package", offer.import_path);
  script += Assignment("version", offer.version);
  script += Cat("  page=", ShellQuote(offer.page_url), "\n  offered_key=", ShellQuote(offer.public_key), "\n");
  script += Cat(
      "  targets=",
      ShellQuote(absl::StrJoin(names, ", ", [](std::string* out, std::string_view name) { out->append(name); })), "\n");
  script += "  machine=$(uname -m 2>/dev/null) || machine=unknown\n";
  script += "  target='' url='' sha256='' size=0 signature='' signed_list=''\n  case $machine in\n";
  for (const Target target : kAllTargets) {
    script += Cat("    ", MachinePattern(target), ")\n      target=", TargetName(target), "\n");
    for (const OfferedFile& file : offer.files) {
      if (file.target != target) continue;
      script += Cat("      url=", ShellQuote(file.url), "\n      sha256=", file.sha256, "\n      size=", file.size,
                    "\n      signature=", ShellQuote(file.signature_url),
                    "\n      signed_list=", ShellQuote(file.signed_list_url), "\n");
      if (!file.public_key.empty()) script += Cat("      offered_key=", ShellQuote(file.public_key), "\n");
    }
    script += "      ;;\n";
  }
  script += "  esac\n";
  script += kInstallBody;
  // In braces: no beginning of this line is a command. Programs must not read the rest of the pipe. The trap keeps this
  // shell until the function's own has cleaned up after a signal that both of them get.
  script += ")\n{ trap : HUP INT PIPE TERM; gofarm_install </dev/null; }\n";
  return script;
}

std::string RefusalScript(std::string_view reason) {
  const std::string text = EscapeAndClip(reason, kRefusalTextMax, true);
  return Cat("#!/bin/sh\ngofarm_refuse() {\n  printf 'gofarm: %s\\n' ", ShellQuote(text),
             " >&2\n}\n{ gofarm_refuse; exit 1; }\n");
}

Answer InstallAnswer(const absl::StatusOr<InstallOffer>& offer) {
  if (!offer.ok()) return ScriptAnswer(StatusCodeOf(offer.status()), RefusalScript(Sv(offer.status().message())));
  absl::StatusOr<std::string> script = InstallScript(*offer);
  // What the farm itself put together is not the asker's fault, whatever is wrong with it.
  if (!script.ok()) return ScriptAnswer(500, RefusalScript(Sv(script.status().message())));
  return ScriptAnswer(200, *std::move(script));
}

}  // namespace gofarm::web
