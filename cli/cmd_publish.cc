// What is published where: publish status, list, retry, pause, resume, withdraw, withdrawals, verify.
#include <unistd.h>

#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/print.h"
#include "cli/publish_check.h"
#include "cli/publish_client.h"
#include "cli/publish_shapes.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/io/http_client.h"
#include "common/json/writer.h"
#include "common/sync/signals.h"
#include "gofarm/v1/publish.pb.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kVerifyFileMax = absl::Minutes(10);
constexpr char kIndex[] = "index";

std::string Plural(int64_t n, std::string_view one) { return Cat(n, " ", one, n == 1 ? "" : "s"); }

int PrintCount(const Globals& globals, const char* key, int64_t count, const std::string& text) {
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field(key, count).EndObject();
    PrintOut(json.Take());
  } else {
    PrintOut(Cat(text, "\n"));
  }
  return 0;
}

// OK: a person at the terminal said yes.
absl::Status Confirmed(const std::string& question) {
  if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) {
    return absl::InvalidArgumentError(Cat(question, " Nobody is there to ask: say --yes"));
  }
  PrintErr(Cat(question, " [y/N] "));
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return absl::OkStatus();
  return absl::InvalidArgumentError("not confirmed; nothing was changed");
}

struct Fault {
  const v1::Publication* publication;
  absl::Status why;
};

void WriteVerified(JsonWriter& json, int64_t checked, int64_t skipped, const std::vector<Fault>& faults) {
  json.BeginObject()
      .Field("checked", checked)
      .Field("good", checked - static_cast<int64_t>(faults.size()))
      .Field("bad", static_cast<int64_t>(faults.size()))
      .Field("not_checked", skipped);
  json.Key("faults").BeginArray();
  for (const Fault& fault : faults) {
    const v1::Publication& p = *fault.publication;
    json.BeginObject()
        .Field("id", p.id())
        .Field("destination", p.destination())
        .Field("module", p.module())
        .Field("version", p.version())
        .Field("target", NameOf(p.target()))
        .Field("program", p.program())
        .Field("detail", Sv(fault.why.message()))
        .EndObject();
  }
  json.EndArray().EndObject();
}

}  // namespace

Exit PublishStatusVerb(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::PublishStatus status;
  GOFARM_RETURN_IF_ERROR(PublishClient(*client).GetStatus(status));
  if (globals.json) {
    PrintOut(PublishStatusDocument(status));
    return 0;
  }
  std::string text;
  if (!status.off().empty()) text += Cat(EscapeForPrint(status.off()), "\n");
  TableText table({{"DESTINATION", false, true},
                   {"PENDING", true},
                   {"FAILED", true},
                   {"PARKED", true},
                   {"PUBLISHED", true},
                   {"WITHDRAWN", true},
                   {"NOTE", false, true}});
  for (const v1::DestinationStatus& row : status.destinations()) {
    std::string note;
    if (row.paused()) note = Cat("paused", row.pause_reason().empty() ? "" : ": ", row.pause_reason());
    if (!row.fault().empty()) note = row.fault();
    if (!row.configured() && status.off().empty()) note = "not configured any more";
    table.Add({row.name(), Cat(row.pending()), Cat(row.failed()), Cat(row.parked()), Cat(row.published()),
               Cat(row.withdrawn()), note});
  }
  if (!table.empty()) text += table.Render(OutTerminal());
  if (status.reproduced() + status.differing() + status.rebuilding() > 0) {
    text += Cat("built again: ", status.reproduced(), " reproduced, ", status.differing(), " differing, ",
                status.rebuilding(), " under way\n");
  }
  if (!status.index_url().empty()) text += Cat("index ", EscapeForPrint(status.index_url()), "\n");
  PrintOut(text.empty() ? "nothing is published yet\n" : text);
  return 0;
}

Exit PublishList(const Globals& globals, const PublishListArgs& args) {
  v1::ListPublicationsRequest request;
  request.set_destination(EscapeForPrint(args.destination));
  request.set_module(EscapeForPrint(args.module));
  request.set_limit(args.limit);
  for (const std::string& name : args.states) {
    GOFARM_ASSIGN_OR_RETURN(const v1::PublicationState state, PublicationStateOf(name));
    request.add_states(state);
  }
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::PublicationPage page;
  GOFARM_RETURN_IF_ERROR(PublishClient(*client).ListPublications(request, page));
  if (globals.json) {
    PrintOut(PublicationListDocument(page));
    return 0;
  }
  TableText table({{"ID", true},
                   {"DESTINATION", false, true},
                   {"STATE"},
                   {"MODULE", false, true},
                   {"PROGRAM", false, true},
                   {"TARGET"},
                   {"WHY", false, true}});
  for (const v1::Publication& row : page.publications()) {
    const std::string why = row.failure_class().empty() ? row.detail() : Cat(row.failure_class(), ": ", row.detail());
    table.Add({Cat(row.id()), row.destination(), NameOf(row.state()), Cat(row.module(), "@", row.version()),
               row.program(), NameOf(row.target()), why});
  }
  PrintOut(table.empty() ? "nothing\n" : table.Render(OutTerminal()));
  return 0;
}

Exit PublishRetry(const Globals& globals, const PublishRetryArgs& args) {
  if (args.all == !args.ids.empty()) {
    return absl::InvalidArgumentError("name the ids that gofarm publish list shows, or --all: one of both");
  }
  if (args.replace && args.all) {
    return absl::InvalidArgumentError("--replace takes ids: what stands for a program is exchanged one by one");
  }
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  GOFARM_ASSIGN_OR_RETURN(const int64_t ordered, PublishClient(*client).Retry(args.ids, args.replace));
  return PrintCount(globals, "ordered", ordered,
                    ordered > 0 ? Cat(Plural(ordered, "publication"), ordered == 1 ? " is" : " are", " tried again")
                    : args.all  ? "nothing failed, and nothing waits but what differs"
                                : "none of these failed or is parked; what differs takes --replace");
}

Exit PublishPause(const Globals& globals, const std::string& destination, bool pause, const std::string& reason) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  PublishClient publish(*client);
  GOFARM_RETURN_IF_ERROR(pause ? publish.Pause(destination, reason) : publish.Resume(destination));
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field("destination", destination).Field("paused", pause).EndObject();
    PrintOut(json.Take());
  } else {
    PrintOut(Cat(EscapeForPrint(destination), pause ? " is paused; what is ordered there waits\n" : " goes on\n"));
  }
  return 0;
}

Exit PublishWithdraw(const Globals& globals, const PublishWithdrawArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const gomod::ModuleSpec spec, NamedVersion(args.module));
  const std::string named = spec.version.empty() ? spec.module : Cat(spec.module, "@", spec.version);
  if (!args.yes) {
    GOFARM_RETURN_IF_ERROR(Confirmed(Cat("take ", named, spec.version.empty() ? ", all versions," : "",
                                         " away everywhere, and never publish it again?")));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  GOFARM_ASSIGN_OR_RETURN(const int64_t releases,
                          PublishClient(*client).Withdraw(spec.module, spec.version, args.reason));
  return PrintCount(globals, "releases", releases,
                    Cat(named, " is withdrawn: ", Plural(releases, "release"), releases == 1 ? " is" : " are",
                        " taken away; gofarm publish status shows how far that is"));
}

Exit PublishWithdrawals(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::WithdrawalPage page;
  GOFARM_RETURN_IF_ERROR(PublishClient(*client).ListWithdrawals(page));
  if (globals.json) {
    PrintOut(WithdrawalListDocument(page));
    return 0;
  }
  TableText table({{"MODULE", false, true}, {"VERSION"}, {"REASON", false, true}});
  for (const v1::Withdrawal& row : page.withdrawals()) {
    table.Add({row.module(), row.version().empty() ? "all" : row.version(), row.reason()});
  }
  PrintOut(table.empty() ? "nothing is withdrawn\n" : table.Render(OutTerminal()));
  return 0;
}

Exit PublishVerify(const Globals& globals, const PublishVerifyArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  PublishClient publish(*client);
  v1::PublishStatus status;
  GOFARM_RETURN_IF_ERROR(publish.GetStatus(status));
  if (status.index_url().empty()) {
    return absl::FailedPreconditionError(
        status.off().empty() ? "this farm serves nothing over HTTP, so there is nothing to ask for" : status.off());
  }
  v1::ListPublicationsRequest request;
  request.set_module(EscapeForPrint(args.module));
  request.add_states(v1::PUBLICATION_STATE_PUBLISHED);
  v1::PublicationPage page;
  GOFARM_RETURN_IF_ERROR(publish.ListPublications(request, page));
  std::vector<const v1::Publication*> rows;
  for (const v1::Publication& row : page.publications()) {
    if (!IsLowerHex(row.sha256())) {
      return absl::DataLossError(Cat("the farm names \"", EscapeForPrint(row.sha256()), "\" as a SHA-256"));
    }
    rows.push_back(&row);
  }
  sync::StopSignals signals;
  client->StopWith(signals.token());
  const io::HttpClient http(Cat("gofarm/", GOFARM_VERSION));
  const io::HttpAsk ask = io::AskDirectly(http);
  const size_t wanted = args.all ? rows.size() : static_cast<size_t>(args.sample);
  std::vector<Fault> faults;
  int64_t checked = 0;
  for (const size_t i : Sample(rows.size(), wanted, std::random_device()())) {
    const v1::Publication& row = *rows[i];
    absl::Status is = row.destination() == kIndex
                          ? CheckPublished(Scope::For(kVerifyFileMax, signals.token()), ask,
                                           PublishedUrl(status.public_url(), row.sha256()), row.sha256(), row.size())
                          : publish.Check(row.id());
    if (signals.token().stop_requested()) return kExitInterrupted;
    // Of a destination that the configuration does not name any more: nobody can tell.
    if (absl::IsInvalidArgument(is)) continue;
    ++checked;
    if (!is.ok()) faults.push_back({.publication = &row, .why = std::move(is)});
  }
  const int64_t skipped = page.publications_size() - checked;
  if (globals.json) {
    JsonWriter json;
    WriteVerified(json, checked, skipped, faults);
    PrintOut(json.Take());
    return faults.empty() ? 0 : kExitJobs;
  }
  std::string text;
  for (const Fault& fault : faults) {
    const v1::Publication& row = *fault.publication;
    text += Cat(row.id(), "  ", EscapeForPrint(row.module()), "@", EscapeForPrint(row.version()), " ",
                EscapeForPrint(row.program()), " ", NameOf(row.target()), " at ", EscapeForPrint(row.destination()),
                ": ", EscapeForPrint(Sv(fault.why.message())), "\n");
  }
  PrintOut(Cat(text, Plural(checked, "published file"), " looked at: ", checked - static_cast<int64_t>(faults.size()),
               " as published, ", faults.size(), " not; ", skipped, " not looked at\n"));
  return faults.empty() ? 0 : kExitJobs;
}

}  // namespace gofarm::cli
