#include "worker/build/log_lines.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/text.h"

namespace gofarm::build {
namespace {

bool IsNumber(std::string_view word) {
  return !word.empty() && word[0] >= '0' && word[0] <= '9' && std::count(word.begin(), word.end(), '.') < 2;
}

std::string WithoutNumbers(std::string_view step) {
  std::string words;
  for (const absl::string_view word : absl::StrSplit(Av(step), ' ')) {
    if (!IsNumber(Sv(word))) words += Cat(Sv(word), " ");
  }
  return words;
}

}  // namespace

bool StepLog::IsNews(std::string_view step, absl::Time now) {
  if (step == step_) return false;
  std::string words = WithoutNumbers(step);
  if (words == words_ && now - logged_at_ < kStepLogInterval) return false;
  step_ = std::string(step);
  words_ = std::move(words);
  logged_at_ = now;
  return true;
}

LogLines::LogLines(std::string tag, Emit emit) : tag_(std::move(tag)), emit_(std::move(emit)) {}

void LogLines::Feed(std::string_view bytes) {
  raw_bytes_ += static_cast<int64_t>(bytes.size());
  std::string out;
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    const std::string_view part = bytes.substr(0, newline);
    const size_t room = kLogLineMax - line_.size();
    line_.append(part.substr(0, room));
    if (part.size() > room) line_dropped_ += part.size() - room;
    line_open_ = true;
    if (newline == std::string_view::npos) break;
    EndLine(out);
    bytes.remove_prefix(newline + 1);
  }
  if (!out.empty()) emit_(out);
}

void LogLines::Finish() {
  if (!line_open_) return;
  std::string out;
  EndLine(out);
  emit_(out);
}

void LogLines::EndLine(std::string& out) {
  if (line_dropped_ == 0 && !line_.empty() && line_.back() == '\r') line_.pop_back();
  std::string text = EscapeForPrint(line_);
  if (line_dropped_ > 0) text += Cat("... (", line_dropped_, " bytes more)");
  out += Cat(tag_, "| ", text, "\n");
  Keep(text);
  line_.clear();
  line_dropped_ = 0;
  line_open_ = false;
}

void LogLines::Keep(std::string_view line) {
  if (left_out_ == 0 && tail_.empty() && head_.size() + line.size() < kKeptHeadMax) {
    head_ += line;
    head_ += '\n';
    return;
  }
  tail_ += line;
  tail_ += '\n';
  if (tail_.size() <= 2 * kKeptTailMax) return;
  const size_t cut = tail_.find('\n', tail_.size() - kKeptTailMax) + 1;
  left_out_ += static_cast<int64_t>(cut);
  tail_.erase(0, cut);
}

std::string LogLines::Kept() const {
  if (left_out_ == 0) return head_ + tail_;
  return Cat(head_, "... (", left_out_, " bytes left out)\n", tail_);
}

}  // namespace gofarm::build
