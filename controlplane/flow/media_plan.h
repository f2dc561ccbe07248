#pragma once
// The media of one call: for each m-line the ports that we hold on both legs, what each side wants (from its
// description), and the flows that follow from these. Sans-IO: the ledger turns flows into commands.
//
//   INVITE or re-INVITE with an offer   open(offer)                ports on both legs for what we relay
//   description to send on a leg        local_media(leg)
//   answer, previews too                conclude(side 0, side 1)   then ledger.want(call, flows())
//   final answer                        trim()                     gives back the ports of rejected streams
//   offer refused                       conclude(old, old), trim()
//   call over                           ledger.want(call, {}), release()
//
// Direction rule: RTP passes from side X to side Y when X sends and Y receives (what X and Y themselves
// said). RTCP passes whatever the direction (RFC 3264 §5.1), unless Y has said c=0.0.0.0 (§8.4).
// A flow exists only when both sides' addresses are known; a side with c=0.0.0.0 keeps its last address.

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/flow/port_pool.h"
#include "media/offer_answer/rebuild.h"
#include "media/offer_answer/stream_end.h"
#include "media/sdp/session.h"
#include "platform/base/byte_reader.h"
#include "platform/config/views.h"
#include "platform/wire/flow_records.h"

namespace sallyport::flow {

// Leg 0 is the caller's, leg 1 the callee's; the same in FlowCookie::leg.
inline constexpr std::size_t kCaller = 0;
inline constexpr std::size_t kCallee = 1;

// Streams of one call that hold ports: say, a voice, a second one, and room for two more. Beyond that m-lines are
// rejected (RFC 3264 §6), so that a few calls with many m-lines do not take a realm's ports.
inline constexpr std::size_t kMostStreams = 4;

class MediaPlan {
public:
    // `call` is the call number: unique over restarts, for a listed flow is recognised by its cookie.
    MediaPlan(std::uint64_t call, std::uint16_t caller_realm, std::uint16_t callee_realm);

    // Ports on both legs for each m-line of `offer` that we relay and that has none yet, up to kMostStreams; gives the
    // number of those that were left out. All or nothing.
    std::expected<std::size_t, PoolError> open(const sdp::Session& offer, PortPools& pools, Instant now);

    // What OfferAnswer::make_offer and make_answer need for a description sent on `leg`.
    sdp::LocalMedia local_media(std::size_t leg, const config::ControlView& view) const;
    // The same in the memory of what `out` has held.
    void local_media(std::size_t leg, const config::ControlView& view, sdp::LocalMedia& out) const;

    // The descriptions in force or previewed of both sides.
    void conclude(const sdp::Session& from_caller, const sdp::Session& from_callee);
    // Gives back the ports of streams that conclude() found rejected or disabled by a side.
    void trim(PortPools& pools, Instant now);
    // Gives back all ports.
    void release(PortPools& pools, Instant now);

    // Four flows (RTP and RTCP, both directions) per stream that both sides want; generation 0: the ledger's.
    std::vector<wire::FlowSpec> flows(const config::ControlView& view) const;
    void flows(const config::ControlView& view, std::vector<wire::FlowSpec>& out) const;  // in its place

    struct Stream {
        std::array<PortPair, 2> ports;             // by leg; both or none
        std::array<sdp::StreamEnd, 2> ends;        // by leg: what that side said
        std::array<std::uint8_t, 2> clocks_khz{};  // by leg: RTP clock of what that side sends
        bool active = false;                       // both sides relay it
        friend bool operator==(const Stream&, const Stream&) = default;
    };
    const std::vector<Stream>& streams() const { return streams_; }
    std::uint64_t call() const { return call_; }

    void export_to(ByteWriter& out) const;
    // Reserves its ports in `pools`; on error none is. The realms are the caller's to know: by name, for their numbers
    // change with the configuration.
    static std::expected<MediaPlan, std::string> import_from(ByteReader& in, std::uint16_t caller_realm,
                                                             std::uint16_t callee_realm, PortPools& pools);

    friend bool operator==(const MediaPlan&, const MediaPlan&) = default;

private:
    wire::FlowSpec flow(const config::ControlView& view, std::size_t index, std::size_t leg, bool rtcp) const;

    std::uint64_t call_;
    std::array<std::uint16_t, 2> realms_;
    std::vector<Stream> streams_;  // by m-line
};

}  // namespace sallyport::flow
