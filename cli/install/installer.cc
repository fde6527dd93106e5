#include "cli/install/installer.h"

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/match.h"
#include "common/attest/dsse.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/publish/versions.h"

namespace gofarm::install {
namespace {

std::string HostOf(Target target) { return Cat(TargetName(target), "-Linux"); }

bool IsWeb(std::string_view url) {
  return absl::StartsWith(Av(url), "https://") || absl::StartsWith(Av(url), "http://");
}

// An index that was signed may be wrong all the same; a name becomes that of a file.
absl::Status CheckProgram(const publish::Resolved& program) {
  const auto wrong = [&](std::string_view what) {
    return absl::DataLossError(
        Cat("the index is wrong about ", EscapeAndClip(program.path, publish::kNoteTextMax), ": ", what));
  };
  if (!publish::IsInstallName(program.name)) return wrong("its name is none for a file");
  if (!IsLowerHex(program.target.sha256)) return wrong("it has no SHA-256");
  if (program.target.size <= 0 || program.target.size > kProgramBytesMax) return wrong("its size is none");
  if (!IsWeb(program.target.url)) return wrong("it has no http or https address");
  if (program.target.provenance_url.empty()) return wrong("nothing signed says where it comes from");
  if (!IsWeb(program.target.provenance_url)) return wrong("its provenance has no http or https address");
  return absl::OkStatus();
}

absl::Status CheckOrigin(const Scope& scope, const io::HttpAsk& ask, const publish::Resolved& program, Target target,
                         const Signers& signers) {
  const absl::StatusOr<std::string> bundle =
      FetchSmall(scope, ask, program.target.provenance_url, int64_t{attest::kBundleBytesMax});
  if (absl::IsNotFound(bundle.status())) return absl::UnavailableError(bundle.status().message());
  if (absl::IsResourceExhausted(bundle.status())) return NotAsSigned(bundle.status(), "provenance");
  GOFARM_RETURN_IF_ERROR(bundle.status());
  const absl::Status checked = CheckBundle(*bundle, signers,
                                           {.sha256 = program.target.sha256,
                                            .module = program.module,
                                            .version = program.version,
                                            .target = std::string(TargetName(target))})
                                   .status();
  return absl::IsNotFound(checked) ? NotAsSigned(checked, "provenance") : checked;
}

void Unite(std::vector<std::string>& all, const std::string& one) {
  if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
}

}  // namespace

absl::StatusOr<Answers> Find(const Scope& scope, const io::HttpAsk& ask, const Source& source,
                             const std::vector<publish::Address>& addresses, Target target) {
  const IndexReader reader(ask, source.url, source.trust);
  // Nearly all modules are in the first shard that their path may be in.
  std::vector<std::string> shards, others;
  for (const publish::Address& address : addresses) Unite(shards, publish::ShardsOfAddress(address.path)[0]);
  GOFARM_ASSIGN_OR_RETURN(Snapshot snapshot, reader.Read(scope, shards));
  const std::string host = HostOf(target);
  Answers answers;
  for (const publish::Address& address : addresses) {
    answers.programs.push_back(publish::Resolve(snapshot.shards, address, host));
    if (!absl::IsNotFound(answers.programs.back().status())) continue;
    for (const std::string& shard : publish::ShardsOfAddress(address.path)) {
      if (std::find(shards.begin(), shards.end(), shard) == shards.end()) Unite(others, shard);
    }
  }
  if (!others.empty()) {
    GOFARM_ASSIGN_OR_RETURN(Snapshot more, reader.Read(scope, others));
    std::move(more.shards.begin(), more.shards.end(), std::back_inserter(snapshot.shards));
    if (more.generation.number > snapshot.generation.number) snapshot.generation = more.generation;
    for (size_t i = 0; i < addresses.size(); ++i) {
      if (!answers.programs[i].ok()) answers.programs[i] = publish::Resolve(snapshot.shards, addresses[i], host);
    }
  }
  answers.keys = std::move(snapshot.keys);
  answers.keys_signed_by = std::move(snapshot.keys_signed_by);
  answers.generation = snapshot.generation;
  return answers;
}

std::string_view NameOf(Outcome::State state) {
  switch (state) {
    case Outcome::State::kInstalled:
      return "installed";
    case Outcome::State::kReplaced:
      return "replaced";
    case Outcome::State::kAlready:
      return "already";
  }
  return "";
}

absl::StatusOr<Outcome> Install(const Scope& scope, const io::HttpAsk& ask, const publish::Resolved& program,
                                const Signers& signers, const InstallOptions& options) {
  GOFARM_RETURN_IF_ERROR(CheckProgram(program));
  const Place place{.folder = options.folder, .name = program.name};
  Outcome outcome{.program = program, .target = options.target, .path = place.Path()};
  GOFARM_ASSIGN_OR_RETURN(const Occupant occupant, LookAt(place));
  if (occupant.kind == Occupant::Kind::kFile && occupant.executable && occupant.sha256 == program.target.sha256) {
    outcome.state = Outcome::State::kAlready;
    return outcome;
  }
  GOFARM_RETURN_IF_ERROR(MayReplace(place, occupant, options.force));
  if (occupant.kind == Occupant::Kind::kFile) {
    outcome.state = Outcome::State::kReplaced;
    if (occupant.Ours()) outcome.version_before = occupant.note->version;
  }
  absl::Status done;
  {
    std::future<absl::Status> origin =
        std::async(std::launch::async, [&] { return CheckOrigin(scope, ask, program, options.target, signers); });
    absl::StatusOr<PartFile> part = Prepare(place, program.target.sha256);
    done = part.status();
    if (part.ok()) {
      done = Download(scope, ask,
                      {.url = program.target.url, .sha256 = program.target.sha256, .size = program.target.size}, *part,
                      options.progress);
    }
    const absl::Status from = origin.get();
    if (done.ok() && !from.ok()) {
      // Nobody says where these bytes come from: nothing goes on from them.
      part->Remove();
      done = from;
    }
    if (done.ok()) {
      done = Put(place, *part,
                 {.module = program.module,
                  .package = program.path,
                  .version = program.version,
                  .target = std::string(TargetName(options.target)),
                  .url = program.target.url,
                  .sha256 = program.target.sha256},
                 occupant);
    }
  }
  if (done.ok()) return outcome;
  TidyUp(place);
  return Annotate(done, Cat(EscapeForPrint(program.path), "@", EscapeForPrint(program.version)));
}

publish::Address AddressOf(const publish::InstallNote& note) {
  // The packages of a module that declares another path than its own are no addresses.
  return {.path = gomod::IsInModule(note.package, note.module) ? note.package : note.module};
}

bool IsUpgrade(const publish::InstallNote& note, const publish::Resolved& found) {
  const int order = publish::CompareVersions(note.version, found.version);
  return order < 0 || (order == 0 && note.sha256 != found.target.sha256);
}

RememberedIndex ToRemember(const Source& source, const Answers& answers, absl::Time now) {
  RememberedIndex index{.url = source.url, .key = source.key.Line()};
  for (const attest::MinisignPublicKey& key : MinisignKeys(answers.keys, answers.generation.time)) {
    if (key != source.key) index.followed.push_back(key.Line());
  }
  for (const attest::MinisignPublicKey& key : EndedMinisignKeys(answers.keys, answers.generation.time)) {
    // Only another key can end one: a list that ends its own signer would leave an index that nobody can read.
    if (key != answers.keys_signed_by) index.ended.push_back(key.Line());
  }
  const Signers signers = SignersOf(answers.keys);
  index.generation = answers.generation.number;
  index.builder = signers.builder;
  index.keys = signers.keys;
  index.used_at = now;
  return index;
}

}  // namespace gofarm::install
