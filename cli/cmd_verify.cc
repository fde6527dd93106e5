// verify: whether a program is what a farm signed, and what it was built from.
#include <sys/stat.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "cli/commands.h"
#include "cli/farm_index.h"
#include "cli/index_session.h"
#include "cli/install/documents.h"
#include "cli/install/verify_file.h"
#include "cli/output.h"
#include "common/attest/dsse.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/publish/key_list.h"
#include "common/sync/signals.h"

namespace gofarm::cli {
namespace {

// A file that is there, or is written like one: with a version it is what an index has.
bool IsFile(const std::string& what) {
  struct stat info {};
  return absl::StartsWith(what, "/") || absl::StartsWith(what, "./") || absl::StartsWith(what, "../") ||
         stat(what.c_str(), &info) == 0;
}

// Neither of these keys signed it, or there is none: others may have.
bool OthersMayKnow(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
}

// For CHECKSUM, which is signed once: keys that have ended count, too.
void AddMinisign(const std::string& line, install::TrustedKeys& keys) {
  absl::StatusOr<attest::MinisignPublicKey> key = attest::MinisignPublicKey::Parse(line);
  if (key.ok()) keys.minisign.push_back(*std::move(key));
}

void AddRemembered(const install::Memory& memory, install::TrustedKeys& keys) {
  for (const install::RememberedIndex& index : memory.indexes) {
    keys.provenance.push_back({.keys = index.keys, .builder = index.builder});
    AddMinisign(index.key, keys);
    for (const std::string& line : index.followed) AddMinisign(line, keys);
    for (const std::string& line : index.ended) AddMinisign(line, keys);
  }
}

void AddFarm(const install::FarmTells& farm, install::TrustedKeys& keys) {
  keys.provenance.push_back(farm.signers);
  AddMinisign(farm.minisign_key, keys);
  for (const std::string& line : farm.ended_minisign_keys) AddMinisign(line, keys);
}

void AddListed(const publish::KeyList& list, install::TrustedKeys& keys) {
  keys.provenance.push_back(install::SignersOf(list));
  for (const publish::ListedKey& key : list.keys) {
    if (key.kind == publish::kMinisignKind) AddMinisign(key.public_key, keys);
  }
}

class Verification {
 public:
  Verification(const Globals& globals, const VerifyArgs& args)
      : globals_(globals),
        args_(args),
        scope_(Scope::For(kInstallMax, signals_.token())),
        http_(Cat("gofarm/", GOFARM_VERSION)),
        ask_(io::AskDirectly(http_)) {}

  absl::StatusOr<install::Verified> Run() {
    for (const std::string& key : args_.index.keys) {
      GOFARM_RETURN_IF_ERROR_CTX(install::AddKey(key, ReadKeyFile, keys_), "--key");
    }
    if (!keys_.minisign.empty()) index_key_ = keys_.minisign[0].Line();
    return IsFile(args_.what) ? OfFile() : OfAddress();
  }

 private:
  absl::StatusOr<install::Verified> OfAddress() {
    if (args_.offline) {
      return absl::InvalidArgumentError(Cat("\"", EscapeAndClip(args_.what, 200),
                                            "\" is no file that is there, and with --offline no index is asked"));
    }
    GOFARM_ASSIGN_OR_RETURN(const publish::Address address, publish::ParseAddress(args_.what));
    GOFARM_ASSIGN_OR_RETURN(const Target target, TargetOf(args_.target));
    GOFARM_ASSIGN_OR_RETURN(const IndexSession session, IndexSession::Open(globals_, args_.index.url, index_key_));
    GOFARM_ASSIGN_OR_RETURN(install::Answers answers, session.Find(scope_, ask_, {address}, target));
    GOFARM_ASSIGN_OR_RETURN(const publish::Resolved program, std::move(answers.programs[0]));
    if (program.target.provenance_url.empty()) {
      return absl::DataLossError(Cat("nothing signed says where ", EscapeForPrint(program.path), " comes from"));
    }
    const absl::StatusOr<std::string> bundle =
        install::FetchSmall(scope_, ask_, program.target.provenance_url, int64_t{attest::kBundleBytesMax});
    if (absl::IsNotFound(bundle.status())) return absl::UnavailableError(bundle.status().message());
    GOFARM_RETURN_IF_ERROR(bundle.status());
    if (keys_.provenance.empty()) keys_.provenance = {install::SignersOf(answers.keys)};
    absl::StatusOr<install::Built> built = install::CheckByAny(*bundle, keys_.provenance,
                                                               {.sha256 = program.target.sha256,
                                                                .module = program.module,
                                                                .version = program.version,
                                                                .target = std::string(TargetName(target))});
    if (OthersMayKnow(built.status())) return install::NotAsSigned(built.status(), "provenance");
    GOFARM_RETURN_IF_ERROR(built.status());
    return install::Verified{
        .name = program.name, .sha256 = program.target.sha256, .size = program.target.size, .built = *std::move(built)};
  }

  absl::StatusOr<install::Verified> OfFile() {
    GOFARM_ASSIGN_OR_RETURN(const install::FileToVerify file, install::ReadFileToVerify(args_.what));
    const bool given = !args_.index.keys.empty();
    if (!given) {
      GOFARM_ASSIGN_OR_RETURN(const install::Memory memory, ReadUsersMemory());
      AddRemembered(memory, keys_);
    }
    absl::StatusOr<install::Verified> verified = install::Verify(file, keys_);
    if (OthersMayKnow(verified.status()) && !given) {
      const absl::StatusOr<std::optional<install::FarmTells>> farm = AskFarm(globals_.farm, globals_.farm_index);
      if (farm.ok() && *farm) {
        AddFarm(**farm, keys_);
        verified = install::Verify(file, keys_);
      }
    }
    // --key named a provenance key: only that one counts.
    const bool list_may_know = !args_.offline && (!given || keys_.provenance.empty());
    if (OthersMayKnow(verified.status()) && list_may_know) {
      const absl::StatusOr<IndexSession> session = IndexSession::Open(globals_, args_.index.url, index_key_);
      if (session.ok()) {
        GOFARM_ASSIGN_OR_RETURN(const install::Answers answers, session->Find(scope_, ask_, {}, Target::kX86_64));
        AddListed(answers.keys, keys_);
        verified = install::Verify(file, keys_);
      }
    }
    return absl::IsNotFound(verified.status()) ? install::NotAsSigned(verified.status(), "provenance") : verified;
  }

  const Globals& globals_;
  const VerifyArgs& args_;
  const sync::StopSignals signals_;
  const Scope scope_;
  const io::HttpClient http_;
  const io::HttpAsk ask_;
  install::TrustedKeys keys_;
  std::string index_key_;  // the one of --key that an index is known by; empty: none was given
};

Exit RunVerify(const Globals& globals, const VerifyArgs& args) {
  GOFARM_ASSIGN_OR_RETURN_CTX(const install::Verified verified, Verification(globals, args).Run(), "verify");
  PrintOut(globals.json ? install::VerifyDocument(verified) : install::VerifyText(verified));
  return 0;
}

}  // namespace

Exit VerifyVerb(const Globals& globals, const VerifyArgs& args) { return ToldWhenNotSigned(RunVerify(globals, args)); }

}  // namespace gofarm::cli
