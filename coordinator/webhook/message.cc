#include "coordinator/webhook/message.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "common/base/text.h"
#include "common/digest/hmac.h"
#include "common/json/writer.h"

namespace gofarm::webhook {
namespace {

using domain::BatchNews;
using domain::JobCounts;

constexpr int kBarCells = 12;
constexpr int kBlue = 0x3B82F6, kGreen = 0x22A55A, kAmber = 0xD9902F, kRed = 0xD64545, kGrey = 0x8A8F98;
constexpr std::string_view kDots = "...";

int64_t Ended(const JobCounts& jobs) {
  return jobs.built + jobs.partial + jobs.nothing_to_build + jobs.failed + jobs.cancelled;
}
int64_t Left(const JobCounts& jobs) { return jobs.queued + jobs.running; }

int ColorOf(const domain::Batch& batch) {
  if (batch.state == BatchState::kCancelled) return kGrey;
  if (batch.state == BatchState::kRunning) return kBlue;
  if (batch.jobs.failed + batch.jobs.partial == 0) return kGreen;
  return batch.jobs.built + batch.jobs.partial > 0 ? kAmber : kRed;
}

std::string Bar(int64_t ended, int64_t all) {
  const int64_t full = all == 0 ? kBarCells : ended * kBarCells / all;
  std::string bar;
  for (int i = 0; i < kBarCells; ++i) bar += i < full ? "█" : "░";
  return Cat(bar, " ", all == 0 ? 100 : ended * 100 / all, " %");
}

// Most frequent first.
std::vector<std::pair<FailureClass, int64_t>> ByCount(const BatchNews& news) {
  std::vector<std::pair<FailureClass, int64_t>> classes(news.failures.begin(), news.failures.end());
  std::stable_sort(classes.begin(), classes.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return classes;
}

std::string FailuresText(const BatchNews& news) {
  const auto classes = ByCount(news);
  std::string text;
  for (size_t i = 0; i < classes.size() && i < kClassesShownMax; ++i) {
    text += Cat(i == 0 ? "" : "\n", classes[i].second, " ", EscapeDiscord(Name(classes[i].first), 64));
  }
  if (classes.size() > kClassesShownMax) {
    int64_t others = 0;
    for (size_t i = kClassesShownMax; i < classes.size(); ++i) others += classes[i].second;
    text += Cat("\n", others, " of other classes");
  }
  return Clip(text, kEmbedFieldMax);
}

std::string CountsText(const BatchNews& news) {
  const JobCounts& jobs = news.batch.jobs;
  const int64_t ended = Ended(jobs), all = ended + Left(jobs);
  std::string text = Cat(Bar(ended, all), ", ", ended, "/", all, " jobs");
  std::string parts;
  const std::pair<const char*, int64_t> counts[] = {
      {"built", jobs.built},   {"partial", jobs.partial},     {"nothing to build", jobs.nothing_to_build},
      {"failed", jobs.failed}, {"cancelled", jobs.cancelled}, {"running", jobs.running},
      {"queued", jobs.queued}};
  for (const auto& [what, n] : counts) {
    if (n > 0) parts += Cat(parts.empty() ? "" : ", ", n, " ", what);
  }
  if (!parts.empty()) text += Cat("\n", parts);
  return Cat(text, "\n", news.batch.executables, news.batch.executables == 1 ? " executable" : " executables");
}

void WriteField(JsonWriter& json, std::string_view name, std::string_view value) {
  json.BeginObject().Field("name", name).Field("value", value).Field("inline", true).EndObject();
}

void WriteSeconds(JsonWriter& json, std::string_view key, std::optional<absl::Duration> duration) {
  json.Key(key);
  if (duration) {
    json.Int(absl::ToInt64Seconds(*duration));
  } else {
    json.Null();
  }
}

}  // namespace

std::string_view EventName(Event event) {
  switch (event) {
    case Event::kSubmitted:
      return "batch_submitted";
    case Event::kProgress:
      return "batch_progress";
    case Event::kEnded:
      return "batch_ended";
  }
  return "";
}

std::string EscapeDiscord(std::string_view text, size_t limit) {
  // Bounded before it grows: a character takes four bytes at most, and one of them is shown.
  const std::string shown = EscapeForPrint(text.substr(0, 4 * limit));
  bool cut = text.size() > 4 * limit;
  std::string out;
  const size_t room = limit > kDots.size() ? limit - kDots.size() : 0;
  size_t fits = 0;  // how much of `out` leaves room for the dots
  for (size_t at = 0; at < shown.size();) {
    size_t next = at + 1;
    while (next < shown.size() && (static_cast<unsigned char>(shown[next]) & 0xC0) == 0x80) ++next;
    std::string piece(shown.substr(at, next - at));
    // A colon ends what would be a link or an emoji; what has no width ends what would be a name.
    if (piece.size() == 1 && std::string_view("\\*_~`|#>[]()<-:").find(piece[0]) != std::string_view::npos) {
      piece.insert(0, "\\");
    }
    if (piece == "@") piece += "\u200B";
    if (out.size() + piece.size() > limit) {
      cut = true;
      break;
    }
    out += piece;
    if (out.size() <= room) fits = out.size();
    at = next;
  }
  if (!cut) return out;
  out.resize(fits);
  return Cat(out, kDots.substr(0, std::min(limit, kDots.size())));
}

std::string ShortDuration(absl::Duration duration) {
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(duration));
  if (seconds < 90) return Cat(seconds, " s");
  const int64_t minutes = (seconds + 30) / 60;
  if (minutes < 90) return Cat(minutes, " min");
  const int64_t hours = minutes / 60;
  if (hours < 48) return minutes % 60 == 0 ? Cat(hours, " h") : Cat(hours, " h ", minutes % 60, " min");
  return hours % 24 == 0 ? Cat(hours / 24, " d") : Cat(hours / 24, " d ", hours % 24, " h");
}

bool IsOver(const domain::Batch& batch) { return batch.state != BatchState::kRunning && Left(batch.jobs) == 0; }

std::optional<absl::Duration> TimeLeft(const BatchNews& news) {
  const int64_t left = Left(news.batch.jobs);
  if (news.batch.state != BatchState::kRunning || left == 0 || news.ended_lately <= 0) return std::nullopt;
  const absl::Duration window = std::clamp(news.age, absl::Seconds(1), domain::kLately);
  return window / news.ended_lately * left;
}

std::optional<absl::Duration> TimeTaken(const BatchNews& news) {
  if (!IsOver(news.batch) || news.ended_at == absl::InfinitePast()) return std::nullopt;
  // All of its jobs may have been built for another batch, before it.
  return std::max(absl::ZeroDuration(), news.ended_at - news.batch.created_at);
}

std::string Gist(const BatchNews& news) {
  const JobCounts& jobs = news.batch.jobs;
  return Cat(Name(news.batch.state), " ", jobs.queued, " ", jobs.running, " ", jobs.built, " ", jobs.partial, " ",
             jobs.nothing_to_build, " ", jobs.failed, " ", jobs.cancelled, " ", news.batch.executables);
}

std::string DiscordBody(const BatchNews& news) {
  const domain::Batch& batch = news.batch;
  const std::string head = Cat("Batch ", batch.id.value, " ", Name(batch.state), batch.name.empty() ? "" : " · ");
  JsonWriter json(JsonWriter::Layout::kCompact);
  json.BeginObject();
  // Whatever stands in the text calls nobody.
  json.Key("allowed_mentions").BeginObject().Key("parse").BeginArray().EndArray().EndObject();
  json.Key("embeds").BeginArray().BeginObject();
  json.Field("title", Cat(head, EscapeDiscord(batch.name, kEmbedTitleMax - head.size())));
  json.Field("description", Clip(CountsText(news), kEmbedTextMax));
  json.Field("color", ColorOf(batch));
  json.Field("timestamp", batch.created_at);
  json.Key("fields").BeginArray();
  if (const std::string failures = FailuresText(news); !failures.empty()) WriteField(json, "Failures", failures);
  if (const std::optional<absl::Duration> left = TimeLeft(news)) {
    WriteField(json, "Time left", Cat("about ", ShortDuration(*left)));
  }
  if (const std::optional<absl::Duration> taken = TimeTaken(news)) WriteField(json, "Took", ShortDuration(*taken));
  json.EndArray();
  if (!batch.submitter.empty()) {
    json.Key("footer").BeginObject().Field("text", Clip(EscapeForPrint(batch.submitter), kEmbedFooterMax)).EndObject();
  }
  json.EndObject().EndArray().EndObject();
  return json.Take();
}

std::string JsonBody(Event event, int sequence, const BatchNews& news, const BatchWriter& write_batch) {
  JsonWriter json(JsonWriter::Layout::kCompact);
  json.BeginObject().Field("event", EventName(event)).Field("sequence", sequence).Key("batch");
  write_batch(json, news.batch);
  json.Key("failures").BeginObject();
  for (const auto& [failure, jobs] : news.failures) json.Field(Name(failure), jobs);
  json.EndObject();
  WriteSeconds(json, "eta_seconds", TimeLeft(news));
  WriteSeconds(json, "duration_seconds", TimeTaken(news));
  json.EndObject();
  return json.Take();
}

std::string Signature(std::string_view secret, std::string_view body) {
  return Cat("sha256=", digest::HmacSha256Hex(secret, body));
}

}  // namespace gofarm::webhook
