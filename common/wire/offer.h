// Offers to and from proto. Pure.
#pragma once

#include "common/vocab/offer.h"

namespace gofarm::v1 {
class Offer;
}  // namespace gofarm::v1

namespace gofarm::wire {

void ToProto(const Offer& offer, v1::Offer& out);
// Limits that make no sense are none: the defaults stand. Sibling targets that this program does not know are left out.
Offer OfferFromProto(const v1::Offer& offer);

}  // namespace gofarm::wire
