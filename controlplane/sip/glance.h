#pragma once
// What a datagram is by a glance at its first line and its To: enough to say what comes first when more comes than can
// be done, at a fraction of what parse() costs. It judges nothing: what it takes for a new INVITE may turn out to be
// garbage, or a re-INVITE whose To is folded.

#include <cstdint>
#include <string_view>

namespace sallyport::sip {

enum class Glance : std::uint8_t {
    kNewInvite,   // an INVITE without a To tag
    kNewRequest,  // MESSAGE, OPTIONS, PUBLISH or SUBSCRIBE without one
    kCancel,
    kOther,  // an emergency call too (urn:service:sos): it waits for nobody
};

Glance glance(std::string_view datagram);

}  // namespace sallyport::sip
