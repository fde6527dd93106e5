// The texts that webhooks send: Discord's form, and JSON for programs. Pure functions of how a batch stands. Names of
// batches come from whoever submits: they are shown, and neither call anybody nor become links or markup.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/json/writer.h"
#include "coordinator/domain/webhook.h"

namespace gofarm::webhook {

// Of Discord's "Execute Webhook" and "Embed Limits". Discord counts characters, and no text has more of them than
// bytes.
inline constexpr size_t kEmbedTitleMax = 256;
inline constexpr size_t kEmbedTextMax = 2'000;   // of its 4,096
inline constexpr size_t kEmbedFieldMax = 1'024;  // of one field's value
inline constexpr size_t kEmbedFooterMax = 256;   // of its 2,048
inline constexpr size_t kClassesShownMax = 10;

enum class Event { kSubmitted, kProgress, kEnded };
std::string_view EventName(Event event);  // "batch_submitted"

// Shown as it is: Discord's markup is escaped, names in "@" and "<" call nobody, control characters are shown as \xNN.
// At most `limit` bytes, with "..." where something was cut.
std::string EscapeDiscord(std::string_view text, size_t limit);

// "40 s", "12 min", "3 h 5 min", "4 d 2 h".
std::string ShortDuration(absl::Duration duration);

// Nothing of it changes any more. Jobs of a cancelled batch may run on for a while, and for other batches.
bool IsOver(const domain::Batch& batch);

// Until the last job has ended, if jobs go on ending as they did lately. Null: none ended lately, or nothing is left.
std::optional<absl::Duration> TimeLeft(const domain::BatchNews& news);
// From submission to end; null until it is over, and for a batch without any job of its own to wait for.
std::optional<absl::Duration> TimeTaken(const domain::BatchNews& news);

// The counts and the state in short: another one whenever there is something new to tell.
std::string Gist(const domain::BatchNews& news);

// The body of a message or of its edit.
std::string DiscordBody(const domain::BatchNews& news);

// As `gofarm batch show --output json` has a batch: common/shapes writes it, of the protocol's messages.
using BatchWriter = std::function<void(JsonWriter& json, const domain::Batch& batch)>;

// {"event", "sequence", "batch": as `gofarm batch show --output json` has it, "failures", "eta_seconds",
// "duration_seconds"}. `sequence`: how often the destination was told of this batch before; one that comes twice is a
// repetition.
std::string JsonBody(Event event, int sequence, const domain::BatchNews& news, const BatchWriter& write_batch);

// "sha256=HEX", of X-Gofarm-Signature.
std::string Signature(std::string_view secret, std::string_view body);

}  // namespace gofarm::webhook
