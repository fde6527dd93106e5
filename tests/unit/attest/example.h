// One build as a worker reports it, with the modules of a real one: github.com/rakyll/hey v0.1.5, built from source
// with an edited go.mod.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "common/attest/provenance_source.h"
#include "common/attest/sbom.h"
#include "common/base/text.h"
#include "common/vocab/report.h"

namespace gofarm::attest {

inline constexpr char kMainH1[] = "h1:oc3QhpT8ETXcr5xIE2xgWYNSNA/Z52XA20ku9hWCchY=";
inline constexpr char kNetH1[] = "h1:zyQRTTrjc33Lhh0fBgT/H3oZq9WuvRR5gPC70xpDiQU=";
inline constexpr char kTextH1[] = "h1:B3njUFyqtHDUI5jMn1YIr5B0IE2U0qck04r6d4KPAxE=";
inline constexpr char kBuilder[] = "https://farm.example.com/gofarm/builders/sandboxed";
inline const absl::Time kStarted = absl::FromUnixMicros(1'800'000'000'250'000);

// Any digest that is different for each number.
inline std::string DigestNumber(int number) { return std::string(62, 'a') + std::to_string(10 + number); }

inline std::string HeyBuildInfo() {
  return Cat("path\tgithub.com/rakyll/hey\nmod\tgithub.com/rakyll/hey\t(devel)\t\ndep\tgolang.org/x/net\tv0.48.0\t",
             kNetH1, "\ndep\tgolang.org/x/text\tv0.33.0\t", kTextH1,
             "\nbuild\t-buildmode=pie\nbuild\t-compiler=gc\nbuild\t-tags=netgo,osusergo\nbuild\t-trimpath=true\n"
             "build\tDefaultGODEBUG=containermaxprocs=0,cryptocustomrand=1\nbuild\tCGO_ENABLED=1\n"
             "build\tGOARCH=amd64\nbuild\tGOOS=linux\nbuild\tGOAMD64=v1\n");
}

inline AttemptReport HeyReport() {
  AttemptReport report;
  report.outcome = AttemptOutcome::kBuilt;
  report.dependencies = {{.path = "golang.org/x/text", .version = "v0.33.0", .h1 = kTextH1},
                         {.path = "golang.org/x/net", .version = "v0.48.0", .h1 = kNetH1}};
  Executable hey;
  hey.name = "hey";
  hey.import_path = "github.com/rakyll/hey";
  hey.size = 9'437'184;
  hey.sha256 = DigestNumber(1);
  hey.blake3 = DigestNumber(2);
  hey.main_version = "(devel)";
  hey.go_version = "go1.26.8";
  hey.build_info = HeyBuildInfo();
  hey.dependencies = {0, 1};
  hey.variant = "source+lfs64";
  report.executables = {hey};
  VariantTry failed;
  failed.variant = "install";
  failed.outcome = VariantOutcome::kFailed;
  failed.argv = {"/go/bin/go", "install", "github.com/rakyll/hey@v0.1.5"};
  VariantTry built;
  built.variant = "source+lfs64";
  built.outcome = VariantOutcome::kBuilt;
  built.argv = {"/go/bin/go",
                "build",
                "-mod=readonly",
                "-trimpath",
                "-buildmode=pie",
                "-buildvcs=false",
                "-tags",
                "netgo,osusergo",
                "-ldflags",
                "-s -w -buildid= -linkmode=external -extldflags '-s -w -static-pie -Wl,--build-id=none'",
                "-o",
                "/out/bin/",
                "."};
  built.environment = {"CC=/zig/zig cc -target x86_64-linux-musl", "CGO_ENABLED=1", "GOARCH=amd64",
                       "GOFLAGS=", "GOOS=linux"};
  built.working_directory = "/src";
  built.edits = {"go.mod: left out 1 replacement by a folder"};
  built.go_mod =
      "module github.com/rakyll/hey\n\nrequire golang.org/x/net v0.48.0\n\n"
      "require golang.org/x/text v0.33.0 // indirect\n\ngo 1.24.0\n";
  report.variants = {failed, built};
  report.facts.go_version = "1.26.8";
  report.facts.zig_version = "0.15.2";
  report.facts.go_sha256 = "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7";
  report.facts.zig_sha256 = "806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130";
  report.facts.sandbox_layout = 1;
  report.facts.worker_build = "v0.5.0";
  report.facts.log_sha256 = DigestNumber(3);
  report.facts.module_h1 = kMainH1;
  report.facts.dependency_count = 2;
  return report;
}

inline BuildContext HeyContext() {
  BuildContext context;
  context.job = JobId{4711};
  context.module = "github.com/rakyll/hey";
  context.version = "v0.1.5";
  context.target = Target::kX86_64;
  context.started_on = kStarted;
  context.finished_on = kStarted + absl::Seconds(95);
  context.worker_class = "sandbox";
  context.builder_id = kBuilder;
  context.farm_version = "v0.5.1";
  context.archives = {{.kind = "go",
                       .version = "1.25.12",
                       .host_arch = "x86_64",
                       .source = "goproxy",
                       .locator = "golang.org/toolchain@v0.0.1-go1.25.12.linux-amd64",
                       .sha256 = "d9d4a1114c4c1f65e8e226c7b2f2f556e821c1d0c1740a244ef2bc42fb00c5ad"},
                      {.kind = "go",
                       .version = "1.26.8",
                       .host_arch = "x86_64",
                       .source = "goproxy",
                       .locator = "golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64",
                       .sha256 = "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7"},
                      {.kind = "zig",
                       .version = "0.15.2",
                       .host_arch = "x86_64",
                       .source = "pypi",
                       .locator = "ziglang==0.15.2",
                       .sha256 = "806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130"}};
  context.main_zip_sha256 = "f5354b335ebda92ca7829cab90b6134daae4bf4e1d90ebc705fd3d7a529bcf0a";
  context.other_subjects = {{.name = "LICENSE", .sha256 = DigestNumber(4), .blake3 = DigestNumber(5)},
                            {.name = "gofarm/github/rakyll/hey/hey", .sha256 = DigestNumber(6)}};
  context.other_byproducts = {{.name = "srcbuild", .sha256 = DigestNumber(7)},
                              {.name = "sbom", .sha256 = DigestNumber(8)}};
  return context;
}

inline Provenance HeyProvenance() {
  const AttemptReport report = HeyReport();
  return ProvenanceOf(report, report.executables[0], HeyContext()).value();
}

inline SbomInput HeySbom() {
  const Executable hey = HeyReport().executables[0];
  return {.name = hey.name,
          .sha256 = hey.sha256,
          .module = "github.com/rakyll/hey",
          .version = "v0.1.5",
          .build_info = hey.build_info,
          .go_version = hey.go_version,
          .zig_version = "0.15.2",
          .farm_version = "v0.5.1",
          .timestamp = kStarted};
}

}  // namespace gofarm::attest
