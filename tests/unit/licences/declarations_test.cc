#include "common/licences/declarations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "common/licences/detect.h"
#include "tests/unit/licences/spdx_texts.h"

namespace gofarm::licences {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

Detection Find(std::string_view text) { return Detect(Corpus::Spdx(), text); }
std::string ExpressionOf(std::string_view text) { return Find(text).expression.ToString(); }

TEST(DeclarationsTest, IdentifierLines) {
  EXPECT_EQ(ExpressionOf("// SPDX-License-Identifier: MIT\npackage x\n"), "MIT");
  EXPECT_EQ(ExpressionOf("/* SPDX-License-Identifier: Apache-2.0 OR MIT */"), "Apache-2.0 OR MIT");
  EXPECT_EQ(ExpressionOf("<!-- SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) -->"),
            "GPL-2.0-only WITH Linux-syscall-note");
  EXPECT_EQ(ExpressionOf("SPDX-License-Identifier: MIT\nSPDX-License-Identifier: ISC\n"), "ISC AND MIT");
  EXPECT_EQ(ExpressionOf("SPDX-License-Identifier: LicenseRef-Ours\n"), "LicenseRef-Ours");
  const Detection found = Find("x\nSPDX-License-Identifier: BSD-3-Clause\ny");
  ASSERT_EQ(found.hits.size(), 1u);
  EXPECT_EQ(found.hits[0].kind, HitKind::kIdentifier);
  EXPECT_EQ(found.hits[0].begin, 2u);
  for (const char* none :
       {"SPDX-License-Identifier:", "SPDX-License-Identifier: ", "SPDX-License-Identifier: Nonsense-1",
        "SPDX-License-Identifier: MIT AND", "SPDX-License-Identifier: ((((MIT"}) {
    EXPECT_EQ(ExpressionOf(none), "") << none;
  }
}

TEST(DeclarationsTest, NoticesOfLicencesThatHaveOne) {
  const std::string apache = SpdxText("Apache-2.0");
  const std::string header = apache.substr(apache.find("Licensed under the Apache"));
  const Detection found = Find("Copyright 2020 Somebody\n\n" + Commented(header, "// "));
  ASSERT_EQ(found.hits.size(), 1u);
  EXPECT_EQ(found.hits[0].id, "Apache-2.0");
  EXPECT_EQ(found.hits[0].kind, HitKind::kNotice);
  EXPECT_THAT(found.terms, IsEmpty());
  EXPECT_EQ(
      ExpressionOf("This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0. If a copy "
                   "of the MPL was not distributed with this file, You can obtain one at "
                   "http://mozilla.org/MPL/2.0/."),
      "MPL-2.0");
}

TEST(DeclarationsTest, GnuVersions) {
  const auto notice = [](std::string_view name, std::string_view version) {
    return Cat("This program is free software; you can redistribute it and/or modify it under the terms of the GNU ",
               name, " as published by the Free Software Foundation; ", version);
  };
  EXPECT_EQ(ExpressionOf(notice("General Public License",
                                "either version 2 of the License, or (at your option) any later version.")),
            "GPL-2.0-or-later");
  EXPECT_EQ(ExpressionOf(notice("General Public License", "version 3 of the License.")), "GPL-3.0-only");
  EXPECT_EQ(ExpressionOf(notice("Lesser General Public License",
                                "either version 2.1 of the License, or (at your option) any later version.")),
            "LGPL-2.1-or-later");
  EXPECT_EQ(
      ExpressionOf(notice("Affero General Public License", "either version 3 of the License, or any later version.")),
      "AGPL-3.0-or-later");
  EXPECT_EQ(ExpressionOf(notice("General Public License", "version 9 of the License.")), "");
  EXPECT_EQ(ExpressionOf("It also reads files of the GNU General Public License version 2."), "");
  // A notice that allows later versions speaks for the text beside it.
  EXPECT_EQ(ExpressionOf(notice("General Public License",
                                "either version 3 of the License, or (at your option) any later version.\n\n") +
                         SpdxText("GPL-3.0-only")),
            "GPL-3.0-or-later");
}

TEST(DeclarationsTest, Choices) {
  EXPECT_EQ(ExpressionOf("Licensed under MIT OR Apache-2.0.\n"), "Apache-2.0 OR MIT");
  EXPECT_EQ(
      ExpressionOf("Licensed under either of\n\n * Apache License, Version 2.0 (LICENSE-APACHE or "
                   "http://www.apache.org/licenses/LICENSE-2.0)\n * MIT license (LICENSE-MIT)\n\nat your option.\n"),
      "Apache-2.0 OR MIT");
  EXPECT_EQ(ExpressionOf("This software is available under two licenses, choose whichever you prefer.\n\nA:\n" +
                         SpdxText("MIT") + "\nB:\n" + SpdxText("Unlicense")),
            "MIT OR Unlicense");
  EXPECT_EQ(ExpressionOf("Dual-licensed under the MIT license or the BSD 3-clause license.\n\n" + SpdxText("MIT") +
                         "\n\n" + SpdxText("BSD-3-Clause")),
            "BSD-3-Clause OR MIT");
  // Two licences without a word of choice hold both.
  EXPECT_EQ(ExpressionOf(SpdxText("MIT") + "\n\n" + SpdxText("BSD-3-Clause")), "BSD-3-Clause AND MIT");
  EXPECT_EQ(ExpressionOf("This project is covered by two different licenses: MIT and Apache.\n\n" + SpdxText("MIT") +
                         "\n\n" + SpdxText("Apache-2.0")),
            "Apache-2.0 AND MIT");
  // "At your option any later version" leaves the choice of a version only.
  EXPECT_EQ(
      ExpressionOf("You can redistribute it under the terms of the GNU General Public License as published by the Free "
                   "Software Foundation; either version 2 of the License, or (at your option) any later version."
                   "\n\n" +
                   SpdxText("MIT")),
      "GPL-2.0-or-later AND MIT");
}

}  // namespace
}  // namespace gofarm::licences
