#include "controlplane/flow/media_plan.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "media/sdp/sdp_parse.h"

namespace sallyport::flow {

namespace {

// A guard against floods, far above what a codec sends: packets of 2.5 ms are 400 a second.
constexpr std::uint32_t kRtpPacketsPerSecond = 500;
constexpr std::uint32_t kRtcpPacketsPerSecond = 50;

constexpr std::size_t other(std::size_t leg) { return 1 - leg; }

std::uint8_t clock_khz(const sdp::Session& description, std::size_t index) {
    return static_cast<std::uint8_t>(std::min(sdp::codec_summary(description, index).clock_rate / 1000, 255U));
}

// A c=0.0.0.0 says no address: the one known before stays, for the source check and for the resumption.
void take_over(sdp::StreamEnd& known, sdp::StreamEnd said) {
    if (said.zero_address) {
        said.rtp = known.rtp;
        said.rtcp = known.rtcp;
    }
    known = said;
}

wire::SourceRule source_rule(config::Latching latching) {
    switch (latching) {
        case config::Latching::kAddress: return wire::SourceRule::kAddress;
        case config::Latching::kPrefix: return wire::SourceRule::kPrefix;
        case config::Latching::kExact: break;
    }
    return wire::SourceRule::kExact;
}

void put(ByteWriter& out, const IpAddress& a) {
    out.u8(static_cast<std::uint8_t>(a.family()));
    if (a.is_v4()) out.u32(a.v4_host_order());
    if (a.is_v6()) out.bytes(std::as_bytes(std::span(a.bytes())));
}

// An unknown family gives the empty address; what needs one refuses it later.
IpAddress get_address(ByteReader& in) {
    const auto family = in.u8();
    if (family == static_cast<std::uint8_t>(IpFamily::kIpv4)) return IpAddress::v4(in.u32());
    if (family != static_cast<std::uint8_t>(IpFamily::kIpv6)) return {};
    std::array<std::uint8_t, 16> bytes{};
    const auto raw = in.bytes(bytes.size());
    if (raw.size() != bytes.size()) return {};
    std::ranges::transform(raw, bytes.begin(), [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
    return IpAddress::v6(bytes);
}

void put(ByteWriter& out, const Endpoint& e) {
    put(out, e.address);
    out.u16(e.port);
}

Endpoint get_endpoint(ByteReader& in) {
    const auto address = get_address(in);
    return {address, in.u16()};
}

void put(ByteWriter& out, const sdp::StreamEnd& end) {
    out.u8(static_cast<std::uint8_t>(end.relay));
    out.u8(static_cast<std::uint8_t>(end.direction));
    out.u8(end.zero_address ? 1 : 0);
    put(out, end.rtp);
    put(out, end.rtcp);
}

bool get(ByteReader& in, sdp::StreamEnd& end) {
    const auto relay = in.u8();
    const auto direction = in.u8();
    end.zero_address = in.u8() != 0;
    end.rtp = get_endpoint(in);
    end.rtcp = get_endpoint(in);
    if (relay > static_cast<std::uint8_t>(sdp::Relay::kBadAddress) || direction > 3) return false;
    end.relay = static_cast<sdp::Relay>(relay);
    end.direction = static_cast<sdp::Direction>(direction);
    return true;
}

}  // namespace

MediaPlan::MediaPlan(std::uint64_t call, std::uint16_t caller_realm, std::uint16_t callee_realm)
    : call_(call), realms_{caller_realm, callee_realm} {}

std::expected<std::size_t, PoolError> MediaPlan::open(const sdp::Session& offer, PortPools& pools, Instant now) {
    const auto size_before = streams_.size();
    streams_.resize(std::max(streams_.size(), offer.media.size()));
    std::array<std::size_t, kMostStreams> opened;
    std::size_t opened_count = 0;
    auto held =
        static_cast<std::size_t>(std::ranges::count_if(streams_, [](const Stream& s) { return !s.ports[0].empty(); }));
    std::size_t left_out = 0;
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        auto& stream = streams_[i];
        if (sdp::stream_end(offer, i).relay != sdp::Relay::kYes || !stream.ports[0].empty()) continue;
        if (held == kMostStreams) {
            ++left_out;
            continue;
        }
        const auto caller = pools.allocate(realms_[kCaller], now);
        const auto callee = caller ? pools.allocate(realms_[kCallee], now) : caller;
        if (!callee) {
            if (caller) pools.release(*caller, now);
            for (const auto index : std::span(opened).first(opened_count)) {
                for (auto& pair : streams_[index].ports) pools.release(std::exchange(pair, PortPair{}), now);
            }
            streams_.resize(size_before);
            return std::unexpected(callee.error());
        }
        stream.ports = {*caller, *callee};
        opened[opened_count++] = i;
        ++held;
    }
    return left_out;
}

sdp::LocalMedia MediaPlan::local_media(std::size_t leg, const config::ControlView& view) const {
    sdp::LocalMedia out;
    local_media(leg, view, out);
    return out;
}

void MediaPlan::local_media(std::size_t leg, const config::ControlView& view, sdp::LocalMedia& out) const {
    out.streams.clear();
    out.address = {};
    for (const auto& stream : streams_) {
        const auto& pair = stream.ports.at(leg);
        out.streams.push_back(pair.empty() ? sdp::LocalStream{}
                                           : sdp::LocalStream{pair.address, pair.rtp_port, pair.rtcp_port()});
        if (out.address.empty()) out.address = pair.address;
    }
    // Every stream is rejected: the address still has to be one of ours.
    if (out.address.empty()) out.address = view.realms.at(realms_.at(leg)).media.media_addresses.front();
    out.pass_unknown_attributes =
        std::ranges::all_of(realms_, [&](std::uint16_t r) { return view.realms.at(r).pass_unknown_headers; });
}

void MediaPlan::conclude(const sdp::Session& from_caller, const sdp::Session& from_callee) {
    streams_.resize(std::max({streams_.size(), from_caller.media.size(), from_callee.media.size()}));
    for (std::size_t i = 0; i < streams_.size(); ++i) {
        auto& stream = streams_[i];
        const auto caller = sdp::stream_end(from_caller, i);
        const auto callee = sdp::stream_end(from_callee, i);
        stream.active =
            caller.relay == sdp::Relay::kYes && callee.relay == sdp::Relay::kYes && !stream.ports[0].empty();
        if (!stream.active) continue;
        take_over(stream.ends[kCaller], caller);
        take_over(stream.ends[kCallee], callee);
        // Each sends what the other has put first.
        stream.clocks_khz = {clock_khz(from_callee, i), clock_khz(from_caller, i)};
    }
}

void MediaPlan::trim(PortPools& pools, Instant now) {
    for (auto& stream : streams_) {
        if (stream.active) continue;
        for (const auto& pair : stream.ports) pools.release(pair, now);
        stream = Stream{};
    }
}

void MediaPlan::release(PortPools& pools, Instant now) {
    for (const auto& stream : streams_) {
        for (const auto& pair : stream.ports) pools.release(pair, now);
    }
    streams_.clear();
}

// One flow: what side `leg` sends. `from` and `to` are the two ends of the stream, seen from here.
wire::FlowSpec MediaPlan::flow(const config::ControlView& view, std::size_t index, std::size_t leg, bool rtcp) const {
    const auto& stream = streams_[index];
    const auto& from = stream.ends[leg];
    const auto& to = stream.ends[other(leg)];
    const auto local = [&](std::size_t l) {
        const auto& pair = stream.ports[l];
        wire::FlowKey key;
        key.local = {pair.address, rtcp ? pair.rtcp_port() : pair.rtp_port};
        key.realm = pair.realm;
        return key;
    };
    const auto& arrives = view.realms.at(realms_[leg]).media;
    const auto& leaves = view.realms.at(realms_[other(leg)]).media;

    wire::FlowSpec spec;
    spec.key = local(leg);
    spec.out = local(other(leg));
    spec.cookie.call = call_;
    spec.cookie.leg = static_cast<std::uint16_t>(leg);
    spec.cookie.stream = static_cast<std::uint16_t>(index);
    spec.cookie.component = rtcp ? 1 : 0;
    spec.remote = rtcp ? from.rtcp : from.rtp;
    spec.out_remote = rtcp ? to.rtcp : to.rtp;
    spec.source_rule = source_rule(arrives.latching);
    spec.prefix_length = arrives.latching == config::Latching::kPrefix ? arrives.latching_prefix : 0;
    spec.dscp = leaves.dscp;
    if (rtcp) {
        // RFC 3264 §5.1: RTCP goes on in every direction; §8.4: but not to c=0.0.0.0.
        spec.flags = wire::kFlowRtcp;
        if (!to.zero_address) spec.flags |= wire::kFlowForward;
        spec.rate_pps = kRtcpPacketsPerSecond;
        return spec;
    }
    if (sdp::sends(from.direction) && sdp::receives(to.direction)) spec.flags |= wire::kFlowForward;
    spec.rate_pps = kRtpPacketsPerSecond;
    spec.clock_khz = stream.clocks_khz[leg];
    const auto idle = std::chrono::duration_cast<std::chrono::milliseconds>(view.system.media_timeout).count();
    spec.idle_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(idle, 0, UINT32_MAX));
    if (spec.idle_ms != 0) spec.flags |= wire::kFlowReportIdle;
    return spec;
}

std::vector<wire::FlowSpec> MediaPlan::flows(const config::ControlView& view) const {
    std::vector<wire::FlowSpec> out;
    flows(view, out);
    return out;
}

void MediaPlan::flows(const config::ControlView& view, std::vector<wire::FlowSpec>& out) const {
    out.clear();
    out.reserve(4 * static_cast<std::size_t>(std::ranges::count(streams_, true, &Stream::active)));
    for (std::size_t i = 0; i < streams_.size(); ++i) {
        const auto& stream = streams_[i];
        if (!stream.active) continue;
        for (const bool rtcp : {false, true}) {
            const auto known = [&](const sdp::StreamEnd& end) {
                const auto& e = rtcp ? end.rtcp : end.rtp;
                return !e.address.empty() && e.port != 0;
            };
            if (!known(stream.ends[kCaller]) || !known(stream.ends[kCallee])) continue;
            out.push_back(flow(view, i, kCaller, rtcp));
            out.push_back(flow(view, i, kCallee, rtcp));
        }
    }
}

void MediaPlan::export_to(ByteWriter& out) const {
    out.u64(call_);
    out.u8(static_cast<std::uint8_t>(streams_.size()));
    for (const auto& stream : streams_) {
        out.u8(stream.active ? 1 : 0);
        for (std::size_t leg = 0; leg < 2; ++leg) {
            put(out, stream.ports[leg].address);
            out.u16(stream.ports[leg].rtp_port);
            put(out, stream.ends[leg]);
            out.u8(stream.clocks_khz[leg]);
        }
    }
}

std::expected<MediaPlan, std::string> MediaPlan::import_from(ByteReader& in, std::uint16_t caller_realm,
                                                             std::uint16_t callee_realm, PortPools& pools) {
    const auto call = in.u64();
    MediaPlan plan(call, caller_realm, callee_realm);
    const std::size_t count = in.u8();
    if (count > sdp::kMaxMedia) return std::unexpected("the media plan has too many streams");
    for (std::size_t i = 0; i < count; ++i) {
        Stream stream;
        stream.active = in.u8() != 0;
        for (std::size_t leg = 0; leg < 2; ++leg) {
            auto& pair = stream.ports[leg];
            pair.address = get_address(in);
            pair.rtp_port = in.u16();
            if (!pair.empty()) pair.realm = plan.realms_[leg];
            if (!get(in, stream.ends[leg])) return std::unexpected("the media plan has an unknown value");
            stream.clocks_khz[leg] = in.u8();
        }
        if (stream.ports[0].empty() != stream.ports[1].empty() || (stream.active && stream.ports[0].empty())) {
            return std::unexpected("the media plan has a stream with ports on one leg only");
        }
        plan.streams_.push_back(stream);
    }
    if (in.failed()) return std::unexpected("the media plan is truncated");
    // All was read; now take the ports, all or none.
    std::vector<PortPair> taken;
    for (const auto& stream : plan.streams_) {
        for (const auto& pair : stream.ports) {
            if (pair.empty()) continue;
            if (!pools.reserve(pair)) {
                for (const auto& t : taken) pools.unreserve(t);
                return std::unexpected("media port " + Endpoint(pair.address, pair.rtp_port).text() +
                                       " is not in the pool or taken");
            }
            taken.push_back(pair);
        }
    }
    return plan;
}

}  // namespace sallyport::flow
