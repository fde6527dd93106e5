// `gofarm catalog detect`: which packages of a module are programs, for which targets, and what would come of building
// them. Needs no farm.
#include <sys/stat.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/module_proxy.h"
#include "cli/output.h"
#include "common/base/scope.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/config/toolsets.h"
#include "common/godetect/detect.h"
#include "common/godetect/detection_json.h"
#include "common/godetect/module_source.h"
#include "common/godetect/parser_child.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "common/sync/signals.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kDetectMax = absl::Minutes(30);

// The newest Go that the built-in toolsets have: what a farm of this version builds with.
absl::StatusOr<std::string> PinnedGo() {
  GOFARM_ASSIGN_OR_RETURN(const config::ToolsetFile file, config::BuiltInToolsets());
  std::string newest;
  for (const Toolset& toolset : file.toolsets) {
    for (const std::string& version : toolset.go_versions) {
      if (newest.empty() || gomod::CompareGoVersion(version, newest) > 0) newest = version;
    }
  }
  if (newest.empty()) return absl::InternalError("the built-in toolsets name no Go version");
  return newest;
}

// A folder or a file that is there, or is written like a path.
bool IsPath(const std::string& what) {
  struct stat info {};
  return absl::StartsWith(what, "/") || absl::StartsWith(what, "./") || absl::StartsWith(what, "../") || what == "." ||
         what == ".." || (stat(what.c_str(), &info) == 0 && what.find('@') == std::string::npos);
}

absl::StatusOr<std::unique_ptr<godetect::ModuleSource>> OpenPath(const Scope& scope, const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, Cat("open ", EscapeForPrint(path)));
  if (S_ISDIR(info.st_mode)) return godetect::OpenFolder(path);
  GOFARM_ASSIGN_OR_RETURN(std::unique_ptr<godetect::ByteReader> reader, godetect::OpenLocalFile(path));
  return godetect::OpenZip(scope, std::move(reader), "");
}

std::string Shown(const godetect::Detection& found) {
  const Terminal terminal = OutTerminal();
  std::string out = Cat(EscapeForPrint(found.module), found.version.empty() ? "" : "@", EscapeForPrint(found.version),
                        found.go_version.empty() ? "" : Cat(", go ", EscapeForPrint(found.go_version)), "\n");
  if (found.declared_module != found.module) {
    out += Cat("go.mod declares ", EscapeForPrint(found.declared_module), "\n");
  }
  TableText programs(
      {{.header = "PROGRAM", .clippable = true}, {.header = "NAME"}, {.header = "KIND"}, {.header = "TARGETS"}});
  for (const godetect::Program& program : found.programs) {
    const std::string targets = absl::StrJoin(
        program.targets, ",", [](std::string* text, Target target) { absl::StrAppend(text, Av(TargetName(target))); });
    programs.Add({program.import_path, program.name, godetect::KindName(program.kind),
                  program.targets.size() == kAllTargets.size() ? "all" : targets});
  }
  if (!programs.empty()) out += Cat("\n", programs.Render(terminal));
  TableText forecast({{.header = "TARGET"}, {.header = "FORECAST"}, {.header = "DETAIL", .clippable = true}});
  for (const Target target : kAllTargets) {
    const auto line = found.forecast.find(std::string(TargetName(target)));
    if (line == found.forecast.end()) continue;
    forecast.Add({TargetName(target), godetect::VerdictName(line->second.verdict), line->second.detail});
  }
  return Cat(out, "\n", forecast.Render(terminal));
}

}  // namespace

Exit CatalogDetect(const Globals& globals, const std::string& what) {
  const sync::StopSignals signals;
  const Scope scope = Scope::For(kDetectMax, signals.token());
  godetect::DetectOptions options;
  GOFARM_ASSIGN_OR_RETURN(options.go_version, PinnedGo());
  const io::HttpClient http(Cat("gofarm/", GOFARM_VERSION));
  godetect::FetchStats stats;
  std::unique_ptr<godetect::ModuleSource> source;
  if (IsPath(what)) {
    GOFARM_ASSIGN_OR_RETURN(source, OpenPath(scope, what));
  } else {
    GOFARM_ASSIGN_OR_RETURN(const gomod::ModuleSpec spec, gomod::ParseModuleSpec(what));
    GOFARM_ASSIGN_OR_RETURN(goproxy::List proxies, FindProxies(scope));
    const ProxyReader proxy(std::move(proxies), http);
    options.module = spec.module;
    options.version = spec.version;
    if (options.version.empty() || options.version == "latest") {
      GOFARM_ASSIGN_OR_RETURN_CTX(options.version, proxy.Latest(scope, spec.module),
                                  Cat("find the latest version of ", spec.module));
    }
    GOFARM_ASSIGN_OR_RETURN(std::unique_ptr<godetect::ByteReader> reader,
                            proxy.OpenZip(scope, spec.module, options.version, &stats));
    GOFARM_ASSIGN_OR_RETURN_CTX(
        source, godetect::OpenZip(scope, std::move(reader), Cat(spec.module, "@", options.version, "/")),
        Cat(spec.module, "@", options.version));
  }
  godetect::ParserChild parser(scope);
  GOFARM_ASSIGN_OR_RETURN(const godetect::Detection found, godetect::Detect(scope, *source, parser, options));
  PrintOut(globals.json ? godetect::ToJson(found) : Shown(found));
  return 0;
}

}  // namespace gofarm::cli
