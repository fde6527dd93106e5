#include "cli/refusal.h"

#include <cstdint>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"

namespace gofarm::cli {
namespace {

// The number behind `word`; 0 when the text does not begin so.
int64_t NumberAfter(std::string_view word, std::string_view text) {
  if (text.substr(0, word.size()) != word) return 0;
  text.remove_prefix(word.size());
  int64_t number = 0;
  return absl::SimpleAtoi(Av(text.substr(0, text.find_first_not_of("0123456789"))), &number) ? number : 0;
}

}  // namespace

std::string MergeRefusals(std::string_view refusal, const std::vector<std::string>& known) {
  std::map<int64_t, std::string> by_line;  // 0: what concerns no line
  int64_t untold = 0;
  for (const absl::string_view part : absl::StrSplit(Av(refusal), '\n', absl::SkipEmpty())) {
    const std::string_view line = Sv(part);
    if (const int64_t more = NumberAfter("and ", line); more > 0) {
      untold += more;
    } else {
      by_line[NumberAfter("line ", line)] += Cat(line, "\n");
    }
  }
  std::map<int64_t, std::string> added;
  for (const std::string& fault : known) {
    const int64_t line = NumberAfter("line ", fault);
    if (by_line.count(line) == 0) added[line] += Cat(fault, "\n");
  }
  untold -= static_cast<int64_t>(added.size());
  by_line.merge(added);
  std::string all;
  for (const auto& [line, faults] : by_line) all += faults;
  if (untold > 0) all += Cat("and ", untold, " more errors\n");
  return all;
}

}  // namespace gofarm::cli
