#pragma once
// The description that we send on one leg, built anew from the one received on the other (never copied):
// our own o=, s=, c= and t=, our ports, and of the peer's text only what attribute_table.h lets pass.
// m-line i of one leg is m-line i of the other, always: lines that we do not relay keep their place with
// port 0. Payload type numbers are the same on both legs.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "media/sdp/session.h"
#include "platform/base/ip_address.h"

namespace sallyport::sdp {

// Our ports for one m-line on the leg that the description goes to. Empty: we have none, so it is rejected.
struct LocalStream {
    IpAddress address;
    std::uint16_t rtp_port = 0;
    std::uint16_t rtcp_port = 0;
    bool empty() const { return rtp_port == 0; }
    friend bool operator==(const LocalStream&, const LocalStream&) = default;
};

struct LocalMedia {
    IpAddress address;                     // for o= and the session's c=: a media address of the leg's realm
    std::vector<LocalStream> streams;      // by m-line; missing ones are as empty ones
    bool pass_unknown_attributes = false;  // both realms trusted, and the setting
};

// `received`: the offer from the other leg. `previous`: our last description on this leg, if any: its
// m-lines beyond those of `received` stay, with port 0 (RFC 3264 §8).
// The result has no o= id and version yet: OfferAnswer gives them.
Session rebuild_offer(const Session& received, const LocalMedia& local, const Session* previous);

// `offer`: what the peer of this leg offered. `received`: the answer from the other leg. One m-line per
// m-line of the offer; a rejected one repeats type, transport and a format of the offer (RFC 3264 §6).
Session rebuild_answer(const Session& offer, const Session& received, const LocalMedia& local);

}  // namespace sallyport::sdp
