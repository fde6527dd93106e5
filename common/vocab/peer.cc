#include "common/vocab/peer.h"

#include "common/base/secret.h"

namespace gofarm {

std::string_view Name(Role role) {
  switch (role) {
    case Role::kWorker:
      return "worker";
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      return "operator";
    case Role::kAdmin:
      return "admin";
    case Role::kNone:
      break;
  }
  return "nobody";
}

PeerIdentity LocalPeer() { return {.role = Role::kAdmin, .name = "local"}; }

bool MayActAs(const PeerIdentity& peer, std::string_view worker) {
  if (peer.role == Role::kAdmin) return true;
  return peer.role == Role::kWorker && peer.name == worker;
}

bool MayActFor(const PeerIdentity& peer, std::string_view worker, std::string_view secret_sha256) {
  return MayActAs(peer, worker) && !secret_sha256.empty() && EqualInConstantTime(peer.secret_sha256, secret_sha256);
}

}  // namespace gofarm
