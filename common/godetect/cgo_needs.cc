#include "common/godetect/cgo_needs.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/text.h"
#include "common/gomod/go_text.h"

namespace gofarm::godetect {
namespace {

// What zig brings for musl: parts of the C library, of the C++ library and of the compiler.
constexpr std::array<std::string_view, 17> kOwnLibraries = {"c",     "m",      "pthread", "dl",     "rt",    "util",
                                                            "crypt", "resolv", "xnet",    "gcc",    "gcc_s", "stdc++",
                                                            "c++",   "c++abi", "unwind",  "atomic", "ssp"};
// Headers of musl without ".h"; those of the kernel lie in folders.
constexpr std::string_view kOwnHeaders =
    "aio alloca ar assert byteswap complex cpio crypt ctype dirent dlfcn elf endian err errno fcntl features fenv "
    "float "
    "fmtmsg fnmatch ftw getopt glob grp iconv ifaddrs inttypes iso646 langinfo lastlog libgen libintl limits link "
    "locale "
    "malloc math memory mntent monetary mqueue netdb nl_types paths poll pthread pty pwd regex resolv sched search "
    "semaphore setjmp shadow signal spawn stdalign stdarg stdatomic stdbool stdc-predef stddef stdint stdio stdio_ext "
    "stdlib stdnoreturn string strings stropts syscall sysexits syslog tar termios tgmath threads time uchar ucontext "
    "ulimit unistd utime utmp utmpx values wait wchar wctype wordexp cpuid unwind arm_neon arm_acle";
constexpr std::string_view kOwnFolders[] = {"sys/",     "linux/",     "asm/",  "asm-generic/", "arpa/", "net/",
                                            "netinet/", "netpacket/", "scsi/", "mtd/",         "rdma/", "drm/",
                                            "sound/",   "video/",     "misc/", "bits/"};

bool IsOwnHeader(std::string_view header) {
  static const auto& own = *new absl::flat_hash_set<absl::string_view>(absl::StrSplit(Av(kOwnHeaders), ' '));
  for (const std::string_view folder : kOwnFolders) {
    if (absl::StartsWith(Av(header), Av(folder))) return true;
  }
  if (header.find('.') == std::string_view::npos) return true;  // of C++
  if (absl::EndsWith(Av(header), "intrin.h")) return true;
  return absl::EndsWith(Av(header), ".h") && own.contains(Av(header.substr(0, header.size() - 2)));
}

class Collector {
 public:
  Collector(const gomod::BuildTags& tags, const std::string& package,
            const std::function<bool(std::string_view)>& has_file)
      : tags_(tags), package_(package), has_file_(has_file) {}

  void Line(std::string_view line) {
    line = gomod::TrimGoSpace(line);
    if (line.empty() || line[0] != '#') return;
    if (absl::StartsWith(Av(line), "#cgo") && line.size() > 4 && (line[4] == ' ' || line[4] == '\t')) {
      return Cgo(line.substr(4));
    }
    const std::string_view directive = gomod::TrimGoSpace(line.substr(1));
    if (absl::StartsWith(Av(directive), "if")) ++depth_;
    if (absl::StartsWith(Av(directive), "endif") && depth_ > 0) --depth_;
    if (depth_ == 0 && absl::StartsWith(Av(directive), "include")) Include(directive.substr(7));
  }

  std::vector<Need> Take() { return {needs_.begin(), needs_.end()}; }

 private:
  void Add(Need::Kind kind, std::string_view name) {
    if (name.empty() || name.size() > kNeedNameMax || needs_.size() >= kNeedsMax) return;
    needs_.insert({.kind = kind, .name = std::string(name), .package = package_});
  }

  void Include(std::string_view rest) {
    rest = gomod::TrimGoSpace(rest);
    if (rest.empty() || rest[0] != '<') return;
    const size_t close = rest.find('>');
    if (close == std::string_view::npos) return;
    if (++includes_ > kIncludesMax) return;
    const std::string_view header = gomod::TrimGoSpace(rest.substr(1, close - 1));
    if (!IsOwnHeader(header) && !has_file_(header)) Add(Need::Kind::kHeader, header);
  }

  // "linux,amd64 darwin LDFLAGS: -lfoo": one of the conditions must hold.
  void Cgo(std::string_view rest) {
    const size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return;
    std::vector<std::string_view> words = gomod::GoFields(rest.substr(0, colon));
    if (words.empty()) return;
    const std::string_view verb = words.back();
    words.pop_back();
    const auto holds = [this](std::string_view condition) { return gomod::CgoConditionHolds(condition, tags_); };
    if (!words.empty() && std::none_of(words.begin(), words.end(), holds)) return;
    const std::vector<std::string_view> arguments = gomod::GoFields(rest.substr(colon + 1));
    for (size_t i = 0; i < arguments.size(); ++i) {
      std::string_view argument = arguments[i];
      if (verb == "pkg-config") {
        if (argument[0] != '-') Add(Need::Kind::kPkgConfig, argument);
      } else if (verb == "LDFLAGS") {
        argument = Unquoted(argument);
        if (argument == "-l" && i + 1 < arguments.size()) {
          Library(Unquoted(arguments[++i]));
        } else if (argument.substr(0, 2) == "-l") {
          Library(argument.substr(2));
        }
      }
    }
  }

  static std::string_view Unquoted(std::string_view word) {
    while (!word.empty() && (word.front() == '"' || word.front() == '\'')) word.remove_prefix(1);
    while (!word.empty() && (word.back() == '"' || word.back() == '\'')) word.remove_suffix(1);
    return word;
  }

  void Library(std::string_view name) {
    if (!name.empty() && name[0] == ':') {
      if (!has_file_(name.substr(1))) Add(Need::Kind::kLibrary, name.substr(1));
      return;
    }
    if (std::find(kOwnLibraries.begin(), kOwnLibraries.end(), name) != kOwnLibraries.end()) return;
    if (has_file_(Cat("lib", name, ".a")) || has_file_(Cat("lib", name, ".so"))) return;
    Add(Need::Kind::kLibrary, name);
  }

  const gomod::BuildTags& tags_;
  const std::string& package_;
  const std::function<bool(std::string_view)>& has_file_;
  std::set<Need> needs_;
  int depth_ = 0;
  size_t includes_ = 0;
};

}  // namespace

std::vector<Need> NeedsOfPreamble(std::string_view preamble, const gomod::BuildTags& tags, const std::string& package,
                                  const std::function<bool(std::string_view)>& has_file) {
  Collector collector(tags, package, has_file);
  for (const absl::string_view line : absl::StrSplit(Av(preamble), '\n')) collector.Line(Sv(line));
  return collector.Take();
}

}  // namespace gofarm::godetect
