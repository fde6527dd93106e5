#include "coordinator/domain/publishing.h"

namespace gofarm::domain {

std::string_view Name(PublicationState state) {
  switch (state) {
    case PublicationState::kPending:
      return "pending";
    case PublicationState::kFailed:
      return "failed";
    case PublicationState::kParked:
      return "parked";
    case PublicationState::kPublished:
      return "published";
    case PublicationState::kWithdrawn:
      return "withdrawn";
  }
  return "unknown";
}

}  // namespace gofarm::domain
