// Who belongs to a farm, as seen by a command. Failures as of FarmClient, whose connection and patience it uses and
// which must outlive it. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/client.h"
#include "common/base/scope.h"

namespace gofarm::v1 {
class AuditPage;
class AuthorityState;
class CreateTokenRequest;
class IdentityPage;
class IdentityRow;
class JoinToken;
class JoinTokenPage;
class RevokeTokenReply;
class Self;
}  // namespace gofarm::v1

namespace gofarm::cli {

class IdentityClient {
 public:
  explicit IdentityClient(FarmClient& farm) : farm_(farm) {}

  absl::Status WhoAmI(v1::Self& self);
  // One try: a repetition would make a second token.
  absl::Status CreateToken(const v1::CreateTokenRequest& request, v1::JoinToken& token);
  absl::Status ListTokens(v1::JoinTokenPage& all);
  absl::Status RevokeToken(int64_t id, bool with_identities, v1::RevokeTokenReply& reply);
  absl::Status ListIdentities(v1::IdentityPage& all);
  absl::Status GetIdentity(const std::string& name, v1::IdentityRow& row);
  absl::Status RevokeIdentity(const std::string& name, v1::IdentityRow& row);
  absl::Status GetAuthorityState(v1::AuthorityState& state);
  // One try: a repetition would find its own rotation under way.
  absl::Status RotateAuthority(bool finish, bool force, v1::AuthorityState& state);
  // Page by page; with `follow` until the scope ends. One try.
  absl::Status ReadAudit(const Scope& scope, absl::Time since, int limit, bool follow,
                         const std::function<void(const v1::AuditPage&)>& sink);

 private:
  FarmClient& farm_;
};

}  // namespace gofarm::cli
