// Flags taken out of #cgo lines.
#include "worker/build/cgo_lines.h"

#include <gtest/gtest.h>

#include <string>

namespace gofarm::build {
namespace {

Variant Portable() {
  Variant variant;
  variant.portable = true;
  return variant;
}

TEST(CgoLinesTest, FlagsForTheMachineThatBuildsGoAndNothingElse) {
  EXPECT_EQ(EditCgoLines(Portable(),
                         "package a\n\n/*\n#cgo CFLAGS: -O3 -march=native -DX=native\n#cgo linux,amd64 CXXFLAGS:\t"
                         "-mtune=native\nint f(void) { return 1; } // -march=native\n*/\nimport \"C\"\n"),
            "package a\n\n/*\n#cgo CFLAGS: -O3  -DX=native\n#cgo linux,amd64 CXXFLAGS:\t\nint f(void) { return 1; } // "
            "-march=native\n*/\nimport \"C\"\n");
  EXPECT_EQ(EditCgoLines(Portable(), "// #cgo CFLAGS: -mcpu=native -g\r\nimport \"C\""),
            "// #cgo CFLAGS:  -g\r\nimport \"C\"");
  const std::string plain = "// #cgone CFLAGS: -march=native\n// #cgo CFLAGS -march=native\nvar s = `-march=native`\n";
  EXPECT_EQ(EditCgoLines(Portable(), plain), plain);
  EXPECT_EQ(EditCgoLines(Variant{}, "#cgo CFLAGS: -march=native\n"), "#cgo CFLAGS: -march=native\n");
}

TEST(CgoLinesTest, LinkerFlagsGoByName) {
  Variant variant;
  variant.dropped_link_flags = {"--unresolved-symbols", "-Map"};
  EXPECT_EQ(FlagLeft(variant, "-Wl,--unresolved-symbols=ignore-all"), "");
  EXPECT_EQ(FlagLeft(variant, "-Wl,--export-dynamic,--unresolved-symbols=ignore-all,-s"), "-Wl,--export-dynamic,-s");
  EXPECT_EQ(FlagLeft(variant, "-Wl,-Map,out.map,-s"), "-Wl,-s");
  EXPECT_EQ(FlagLeft(variant, "-Wl,-Map=out.map"), "");
  EXPECT_EQ(FlagLeft(variant, "-Wl,-Mapping"), "-Wl,-Mapping");
  EXPECT_EQ(FlagLeft(variant, "-L/x"), "-L/x");
}

}  // namespace
}  // namespace gofarm::build
