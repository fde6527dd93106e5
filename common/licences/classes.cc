// ClassOf and its table (policy.h).
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/licences/policy.h"

namespace gofarm::licences {
namespace {

constexpr std::string_view kPublicDomainIds =
    "0BSD CC0-1.0 CC-PDDC CC-PDM-1.0 MIT-0 Unlicense blessing NIST-PD PDDL-1.0 SAX-PD "
    "Unlicense-libtelnet Unlicense-libwhirlpool WTFPL BOLA-1.1";
constexpr std::string_view kPermissiveIds =
    "AFL-1.1 AFL-1.2 AFL-2.0 AFL-2.1 AFL-3.0 Apache-1.0 Apache-1.1 Apache-2.0 Artistic-2.0 Beerware BSD-1-Clause "
    "BSD-2-Clause "
    "BSD-2-Clause-Darwin BSD-2-Clause-Patent BSD-2-Clause-Views "
    "BSD-2-Clause-first-lines BSD-3-Clause BSD-3-Clause-Attribution BSD-3-Clause-Clear BSD-3-Clause-HP "
    "BSD-3-Clause-LBNL "
    "BSD-3-Clause-Modification BSD-3-Clause-Open-MPI BSD-3-Clause-Sun BSD-3-Clause-flex BSD-4-Clause "
    "BSD-4-Clause-Shortened "
    "BSD-4-Clause-UC BSD-Source-Code BSL-1.0 BlueOak-1.0.0 bzip2-1.0.6 CC-BY-3.0 CC-BY-3.0-US CC-BY-4.0 "
    "CDLA-Permissive-1.0 "
    "CDLA-Permissive-2.0 curl dtoa ECL-2.0 FSFAP FSFUL FSFULLR FSFULLRWD FTL HPND HPND-sell-variant ICU IJG ISC "
    "ISC-Veillard ImageMagick Info-ZIP Intel JasPer-2.0 Libpng libpng-2.0 libtiff MIT MIT-CMU MIT-Click MIT-Festival "
    "MIT-Modern-Variant MIT-STK MIT-Wu MIT-advertising MIT-enna MIT-feh MIT-open-group MIT-testregex MITNFA MirOS "
    "MS-PL "
    "MulanPSL-1.0 MulanPSL-2.0 NCSA NTP NTP-0 NAIST-2003 OLDAP-2.8 OpenSSL PHP-3.0 PHP-3.01 PSF-2.0 PostgreSQL "
    "Python-2.0 "
    "Python-2.0.1 Ruby Spencer-86 Spencer-94 Spencer-99 SSH-OpenSSH SSH-short SSLeay-standalone OpenSSL-standalone "
    "SunPro "
    "TCL UPL-1.0 Unicode-3.0 Unicode-DFS-2015 Unicode-DFS-2016 Unicode-TOU UnixCrypt Vim W3C W3C-20150513 W3C-19980720 "
    "X11 "
    "X11-distribute-modifications-variant X11-swapped Xnet XFree86-1.1 ZPL-2.0 ZPL-2.1 Zlib zlib-acknowledgement "
    "OFL-1.0 "
    "OFL-1.1 Bitstream-Vera Ubuntu-font-1.0 Boehm-GC CMU-Mach Linux-OpenIB Minpack Plexus snprintf swrule xlock mpich2 "
    "TCP-wrappers Sendmail Latex2e Leptonica Knuth-CTAN Inner-Net-2.0 HDF5 Fair Entessa EFL-2.0 Cube CNRI-Python "
    "DOC Brian-Gladman-3-Clause Brian-Gladman-2-Clause";
constexpr std::string_view kWeakIds =
    "MPL-1.0 MPL-1.1 MPL-2.0 LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only "
    "LGPL-3.0-or-later LGPLLR EPL-1.0 EPL-2.0 CDDL-1.0 CDDL-1.1 CPL-1.0 IPL-1.0 MS-RL APSL-2.0 CECILL-C ErlPL-1.1 "
    "Artistic-1.0 Artistic-1.0-Perl SISSL NPL-1.1 EUPL-1.1 EUPL-1.2 OSL-1.0 copyleft-next-0.3.0 "
    "copyleft-next-0.3.1 CERN-OHL-W-2.0 ODbL-1.0 CC-BY-SA-3.0 CC-BY-SA-4.0";
constexpr std::string_view kStrongIds =
    "GPL-1.0-only GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later CECILL-2.0 CECILL-2.1 "
    "Sleepycat QPL-1.0 CERN-OHL-S-2.0 OSL-2.1 GFDL-1.1-only GFDL-1.2-only GFDL-1.3-only GFDL-1.1-or-later "
    "GFDL-1.2-or-later GFDL-1.3-or-later";
constexpr std::string_view kNetworkIds =
    "AGPL-1.0-only AGPL-1.0-or-later AGPL-3.0-only AGPL-3.0-or-later OSL-3.0 CPAL-1.0 RPL-1.5 "
    "NPOSL-3.0";
// Against use by some, for some purpose, or on a market; or against changed copies.
constexpr std::string_view kNonFreeIds =
    "BUSL-1.1 SSPL-1.0 Elastic-2.0 FSL-1.1-ALv2 FSL-1.1-MIT SUL-1.0 JSON Hippocratic-2.1 Parity-6.0.0 Parity-7.0.0 "
    "PolyForm-Noncommercial-1.0.0 PolyForm-Small-Business-1.0.0 Aladdin BSD-3-Clause-No-Military-License "
    "BSD-3-Clause-No-Nuclear-License BSD-3-Clause-No-Nuclear-License-2014 BSD-3-Clause-No-Nuclear-Warranty "
    "BSD-Protection "
    "MS-LPL UnRAR COIL-1.0 CPOL-1.02 IEC-Code-Components-EULA NCGL-UK-2.0 Community-Spec-1.0 MPEG-SSG AdaCore-doc "
    "InnoSetup C-UDA-1.0 DL-DE-BY-2.0 LAL-1.2 OPL-UK-3.0 HPND-Netrek Crossword";
// Creative Commons' forms without commerce or without changes, in all versions and countries.
constexpr std::string_view kNonFreePrefixes[] = {"CC-BY-NC", "CC-BY-ND"};

using Table = absl::flat_hash_map<std::string, LicenceClass>;

const Table& Classes() {
  static const Table& kTable = *[] {
    auto* table = new Table;
    for (const auto& [ids, licence_class] : {std::pair{kPublicDomainIds, LicenceClass::kPublicDomain},
                                             {kPermissiveIds, LicenceClass::kPermissive},
                                             {kWeakIds, LicenceClass::kWeakCopyleft},
                                             {kStrongIds, LicenceClass::kStrongCopyleft},
                                             {kNetworkIds, LicenceClass::kNetworkCopyleft},
                                             {kNonFreeIds, LicenceClass::kNonFree}}) {
      for (const absl::string_view id : absl::StrSplit(Av(ids), ' ')) table->emplace(std::string(id), licence_class);
    }
    return table;
  }();
  return kTable;
}

}  // namespace

std::string_view Name(LicenceClass licence_class) {
  switch (licence_class) {
    case LicenceClass::kPublicDomain:
      return "public-domain";
    case LicenceClass::kPermissive:
      return "permissive";
    case LicenceClass::kWeakCopyleft:
      return "weak-copyleft";
    case LicenceClass::kStrongCopyleft:
      return "strong-copyleft";
    case LicenceClass::kNetworkCopyleft:
      return "network-copyleft";
    case LicenceClass::kOsiApproved:
      return "osi-approved";
    case LicenceClass::kNonFree:
      return "non-free";
    case LicenceClass::kOther:
      return "other";
    case LicenceClass::kUnknown:
      return "unknown";
  }
  return "unknown";
}

LicenceClass ClassOf(const Corpus& corpus, std::string_view id) {
  const std::string base(id.substr(0, id.find(" WITH ")));
  if (base == kRestrictedLicence) return LicenceClass::kNonFree;
  const int index = corpus.Find(base);
  if (index < 0) return LicenceClass::kUnknown;
  const LicenceInfo& licence = corpus.licences()[static_cast<size_t>(index)];
  for (const std::string_view prefix : kNonFreePrefixes) {
    if (licence.id.starts_with(prefix)) return LicenceClass::kNonFree;
  }
  // An older name of a licence ("GPL-3.0") or another of the same text has the class of the one the list prefers.
  for (const std::string& name : {base, licence.id}) {
    if (const auto found = Classes().find(name); found != Classes().end()) return found->second;
  }
  return licence.osi_approved ? LicenceClass::kOsiApproved : LicenceClass::kOther;
}

}  // namespace gofarm::licences
