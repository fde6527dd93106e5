#include "coordinator/domain/failures.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"
#include "common/vocab/failure_text.h"

namespace gofarm::domain {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// What a path, a version or a digest consists of. A colon is none of it: "m.go:12:3".
bool IsOfWord(char c) {
  constexpr std::string_view kMarks = "_./@+~-!=%";
  return IsLetter(c) || IsDigit(c) || kMarks.find(c) != std::string_view::npos || (c & 0x80) != 0;
}

bool All(std::string_view text, bool (*is)(char)) { return std::all_of(text.begin(), text.end(), is); }
bool Any(std::string_view text, bool (*is)(char)) { return std::any_of(text.begin(), text.end(), is); }

// "v1.2.3-pre.0+incompatible", "1.22", of "go1.22.3" what follows "go".
bool IsVersion(std::string_view word) {
  if (!word.empty() && word.front() == 'v') word.remove_prefix(1);
  const size_t dot = word.find('.');
  if (dot == 0 || dot == std::string_view::npos || !All(word.substr(0, dot), IsDigit)) return false;
  return dot + 1 < word.size() && IsDigit(word[dot + 1]);
}

bool IsHash(std::string_view word) {
  constexpr size_t kShortest = 8, kOfBase64 = 40;
  if (word.size() >= kShortest && All(word, IsHex) && Any(word, IsDigit)) return true;
  return word.size() >= kOfBase64 && word.find('.') == std::string_view::npos &&
         word.find('-') == std::string_view::npos && Any(word, IsDigit) && Any(word, IsLetter);
}

bool IsSourceFile(std::string_view word) {
  static constexpr std::array<std::string_view, 12> kEnds = {".go", ".s",   ".S",   ".c",   ".cc", ".cpp",
                                                             ".h",  ".hpp", ".mod", ".sum", ".a",  ".o"};
  return std::any_of(kEnds.begin(), kEnds.end(), [&](std::string_view end) {
    return word.size() > end.size() && word.substr(word.size() - end.size()) == end;
  });
}

// "net/http" and "gtk/gtk.h" say what is wrong; whose file or package it is differs from module to module.
bool IsPath(std::string_view word) {
  const size_t slash = word.find('/');
  if (slash == std::string_view::npos) return false;
  if (slash == 0 || word.find('.') < slash || word.find('/', slash + 1) != std::string_view::npos) return true;
  return word.substr(word.size() - std::min<size_t>(word.size(), 3)) == ".go";
}

// "30s", "512MiB", "12".
bool IsAmount(std::string_view word) { return IsDigit(word.front()) && word.find('/') == std::string_view::npos; }

std::string WithoutNumbers(std::string_view word) {
  std::string out;
  for (size_t i = 0; i < word.size(); ++i) {
    if (!IsDigit(word[i])) {
      out += word[i];
    } else if (out.empty() || out.back() != 'N' || !IsDigit(word[i - 1])) {
      out += 'N';
    }
  }
  return out;
}

// `positioned`: ":" and a number follow.
std::string OfWord(std::string_view word, bool positioned) {
  // The full stop of a sentence, or what stands around a name.
  std::string_view end;
  const size_t last = word.find_last_not_of("./=-");
  if (last != std::string_view::npos && last + 1 < word.size()) {
    end = word.substr(last + 1);
    word = word.substr(0, last + 1);
  }
  if (last == std::string_view::npos) return std::string(word);
  std::string out;
  if (const size_t at = word.find('@'); at != std::string_view::npos && at > 0) {
    const std::string_view rest = word.substr(at + 1);
    out = Cat("PATH@", IsVersion(rest) ? "VERSION" : IsPath(rest) ? "PATH" : rest);
  } else if (word.substr(0, 2) == "go" && IsVersion(word.substr(2))) {
    out = "goVERSION";
  } else if (IsVersion(word)) {
    out = "VERSION";
  } else if (IsHash(word)) {
    out = "HASH";
  } else if (positioned && IsSourceFile(word)) {
    out = "FILE";
  } else if (IsPath(word)) {
    out = "PATH";
  } else if (word.substr(0, 2) == "0x" && word.size() > 2 && All(word.substr(2), IsHex)) {
    out = "N";
  } else if (IsAmount(word)) {
    out = WithoutNumbers(word);
  } else {
    out = std::string(word);
  }
  return Cat(out, end);
}

}  // namespace

std::string FingerprintOf(std::string_view headline) {
  constexpr size_t kLookedAt = 1024;
  headline = headline.substr(0, kLookedAt);
  std::string out;
  for (size_t i = 0; i < headline.size() && out.size() <= kFingerprintMax;) {
    if (!IsOfWord(headline[i])) {
      out += headline[i++];
      continue;
    }
    size_t end = i;
    while (end < headline.size() && IsOfWord(headline[end])) ++end;
    const bool positioned = end + 1 < headline.size() && headline[end] == ':' && IsDigit(headline[end + 1]);
    out += OfWord(headline.substr(i, end - i), positioned);
    i = end;
  }
  return Clip(out, kFingerprintMax);
}

void FailureGrouper::Add(const FailedJob& failed) {
  Gathered& of = groups_[{failed.failure, FingerprintOf(Headline(failed.detail))}];
  FailureGroup& group = of.group;
  ++group.jobs;
  const bool new_module = of.modules.insert(failed.job.module).second;
  if (new_module && group.examples.size() < kFailureExamplesMax) group.examples.push_back(failed.job);
  if (group.hint.empty()) group.hint = std::string(HintOf(failed.failure, failed.detail));
}

Failures FailureGrouper::Take(size_t limit) {
  Failures all;
  for (auto& [key, of] : groups_) {
    FailureGroup& group = of.group;
    group.failure = key.first;
    group.fingerprint = key.second;
    group.modules = static_cast<int64_t>(of.modules.size());
    all.jobs += group.jobs;
    all.groups.push_back(std::move(group));
  }
  groups_.clear();
  std::stable_sort(all.groups.begin(), all.groups.end(),
                   [](const FailureGroup& a, const FailureGroup& b) { return a.jobs > b.jobs; });
  const size_t most = limit == 0 ? kFailureGroupsMax : std::min(limit, kFailureGroupsMax);
  if (all.groups.size() > most) {
    all.groups_left_out = static_cast<int64_t>(all.groups.size() - most);
    all.groups.resize(most);
  }
  return all;
}

}  // namespace gofarm::domain
