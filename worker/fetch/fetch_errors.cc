#include "worker/fetch/fetch_errors.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "common/json/fields.h"

namespace gofarm::fetch {
namespace {

struct Words {
  FailureClass failure;
  std::initializer_list<std::string_view> any_of;
};

bool Holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool HoldsAny(std::string_view text, const Words& words) {
  return std::any_of(words.any_of.begin(), words.any_of.end(),
                     [&](std::string_view word) { return Holds(text, word); });
}

// Status of "reading https://...: 403 Forbidden"; 0 when there is none.
int HttpStatus(std::string_view message) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  for (size_t at = message.find(": "); at != std::string_view::npos; at = message.find(": ", at + 1)) {
    const std::string_view rest = message.substr(at + 2);
    if (rest.size() > 3 && digit(rest[0]) && digit(rest[1]) && digit(rest[2]) && rest[3] == ' ') {
      return (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
    }
  }
  return 0;
}

// Each word is a whole phrase of Go's own: a module may be called "timeout" and a file "zip: 404". The space before
// "tls: " keeps out a module path that ends so.
const Words kDiskFull = {FailureClass::kDiskFull, {"no space left on device", "disk quota exceeded"}};
const Words kSourceInvalid = {FailureClass::kSourceInvalid,
                              {"checksum mismatch",
                               "SECURITY ERROR",
                               "not a valid zip file",
                               "zip: checksum error",
                               "zip: unsupported",
                               "zip: invalid",
                               "zip: no entries",
                               "errors parsing go.mod",
                               "invalid go.mod",
                               "parsing go.mod:",
                               "declares its path as",
                               "unexpected file",
                               "file name collision",
                               "case-insensitive import collision",
                               "source tree too large",
                               "file too large",
                               "is too large",
                               "contents too large",
                               "larger than declared size",
                               "multiple entries for file",
                               "go.mod file not in module root directory",
                               "go.mod files must have lowercase names",
                               "file path is not clean",
                               "file path is not relative",
                               "path does not have prefix",
                               "is both a file and a directory",
                               "not a regular file",
                               "malformed module path",
                               "malformed file path",
                               "malformed import path",
                               "invalid char ",
                               "go.mod has post-v",
                               "go.mod has non-",
                               "module contains a go.mod file",
                               "does not contain package",
                               "invalid: should be v",
                               "unexpected module path",
                               "invalid dot-segment",
                               "hash does not match",
                               "wrong hash",
                               "invalid go version",
                               "uncompressed size of module"}};
const Words kProxyError = {FailureClass::kProxyError,
                           {"i/o timeout",
                            "Client.Timeout",
                            "net/http: timeout",
                            "TLS handshake timeout",
                            "deadline exceeded",
                            "connection refused",
                            "connection reset",
                            "no such host",
                            "server misbehaving",
                            "network is unreachable",
                            "no route to host",
                            "unexpected EOF",
                            ": EOF",
                            "broken pipe",
                            " tls: ",
                            " x509: ",
                            "emporary failure",
                            "stream error",
                            "server closed",
                            "bad record MAC",
                            "use of closed network connection",
                            "proxyconnect tcp",
                            " http2: ",
                            "malformed HTTP",
                            "dial tcp",
                            "dial unix"}};
const Words kSourceUnavailable = {
    FailureClass::kSourceUnavailable,
    {"unknown revision", "no matching versions", "module version is not available", "module lookup disabled",
     "GOVCS disallows", "cannot find module", "not found", "no such file or directory", "invalid version",
     "unrecognized import path", "no required module provides", "executable file not found"}};

}  // namespace

FailureClass ClassifyFetchError(std::string_view message) {
  // Text after "server response:" is the proxy's; only "fetch timed out" in it matters.
  const size_t answer = message.find("server response:");
  const bool try_later = answer != std::string_view::npos && Holds(message.substr(answer), "fetch timed out");
  message = message.substr(0, answer);
  // The order decides: what ends a download on this machine, then what the module itself is guilty of, then what may
  // pass.
  if (HoldsAny(message, kDiskFull)) return kDiskFull.failure;
  if (Holds(message, "requires go >=")) return FailureClass::kGoTooOld;
  // Alone it is the zip that ends too early; a download that breaks off names the module in front.
  if (message == "unexpected EOF" || HoldsAny(message, kSourceInvalid)) return kSourceInvalid.failure;
  const int status = HttpStatus(message);
  if (try_later || status >= 500 || status == 429 || status == 408) return FailureClass::kProxyError;
  if (status >= 400) return FailureClass::kSourceUnavailable;
  if (HoldsAny(message, kProxyError)) return kProxyError.failure;
  if (HoldsAny(message, kSourceUnavailable)) return kSourceUnavailable.failure;
  return FailureClass::kInternal;
}

FailureClass ClassifyPackageError(std::string_view message) {
  // What go says about packages it has: these words are its own and come first, since a file may be called
  // "timeout.go".
  if (Holds(message, "no matching files found") || Holds(message, "contains no embeddable files")) {
    return FailureClass::kSourceIncomplete;
  }
  if (Holds(message, "build constraints exclude all Go files") || message.rfind("found packages ", 0) == 0 ||
      Holds(message, "no Go files in")) {
    return FailureClass::kTargetUnsupported;
  }
  static constexpr std::string_view kOwnFault[] = {"import cycle not allowed",
                                                   "use of internal package",
                                                   "use of vendored package",
                                                   "is a program, not an importable package",
                                                   "source files not allowed when not using cgo",
                                                   "cannot embed",
                                                   "is not in std",
                                                   "expected ",
                                                   "invalid import path",
                                                   "relative import",
                                                   "local import",
                                                   "imports itself",
                                                   "go:embed",
                                                   "malformed import path",
                                                   "invalid #cgo",
                                                   "invalid flag in #cgo",
                                                   "malformed #cgo",
                                                   "illegal ",
                                                   "must be imported as",
                                                   "non-local"};
  for (const std::string_view word : kOwnFault) {
    if (Holds(message, word)) return FailureClass::kCompileError;
  }
  const FailureClass failure = ClassifyFetchError(message);
  return failure == FailureClass::kInternal ? FailureClass::kCompileError : failure;
}

std::string_view WithdrawnNote(std::string_view message) {
  if (!Holds(message, "verifying ") || !Holds(message, "/lookup/")) return {};
  const int status = HttpStatus(message);
  if (status != 404 && status != 410) return {};
  return "\n(the checksum database does not know this version: it was withdrawn, or never was public)";
}

bool IsTransient(FailureClass failure) {
  return failure == FailureClass::kProxyError || failure == FailureClass::kDiskFull ||
         failure == FailureClass::kInternal || failure == FailureClass::kToolchainBroken ||
         failure == FailureClass::kWorkerLost;
}

template <typename Form, json::Is<DownloadAnswer> A>
void Fields(Form& form, A& a) {
  form.Field("Path", a.path);
  form.Field("Version", a.version);
  form.Field("Error", a.error);
  form.Field("Zip", a.zip);
  form.Field("Dir", a.dir);
  form.Field("Sum", a.sum);
  form.Field("GoMod", a.go_mod);
}

DownloadAnswer ParseDownloadAnswer(std::string_view json) {
  DownloadAnswer answer;
  json::Read(json, json::Rule::kLenient, answer).IgnoreError();
  return answer;
}

namespace {

struct ModuleError {
  std::string message;
};

template <typename Form, json::Is<ModuleError> E>
void Fields(Form& form, E& e) {
  form.Field("Err", e.message);
}

}  // namespace

void Fields(json::FieldReader& form, ModuleAnswer& a) {
  form.Field("Path", a.path);
  form.Field("Version", a.version);
  form.Field("GoVersion", a.go_version);
  form.Field("GoMod", a.go_mod);
  form.Field("Time", a.time);
  form.Field("Versions", a.versions);
  std::optional<ModuleError> error;
  form.Field("Error", error);
  if (error.has_value()) a.error = error->message.empty() ? "an error without a message" : error->message;
}

absl::StatusOr<std::vector<ModuleAnswer>> ParseModuleAnswers(std::string_view text) {
  std::vector<ModuleAnswer> answers;
  const absl::Status read = json::ForEachDocument(text, [&](json::FieldReader& reader) {
    Fields(reader, answers.emplace_back());
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return answers;
}

}  // namespace gofarm::fetch
