#include "media/offer_answer/rebuild.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "media/offer_answer/attribute_table.h"
#include "media/offer_answer/stream_end.h"
#include "media/sdp/sdp_text.h"
#include "platform/base/host_text.h"

namespace sallyport::sdp {

namespace {

constexpr std::array<std::string_view, 5> kBandwidthTypes{"AS", "CT", "TIAS", "RR", "RS"};

template <typename Range>
bool listed(const Range& range, std::string_view value) {
    return std::ranges::find(range, value) != std::ranges::end(range);
}

const LocalStream* local_stream(const LocalMedia& local, std::size_t index) {
    if (index >= local.streams.size() || local.streams[index].empty()) return nullptr;
    return &local.streams[index];
}

Connection connection_of(const IpAddress& ip) { return {.address = ip.text(), .ip = ip}; }

std::vector<Bandwidth> passed_bandwidths(const std::vector<Bandwidth>& received) {
    std::vector<Bandwidth> out;
    std::ranges::copy_if(received, std::back_inserter(out),
                         [](const Bandwidth& b) { return listed(kBandwidthTypes, b.type); });
    return out;
}

std::vector<Attribute> passed_attributes(const std::vector<Attribute>& received, bool pass_unknown) {
    std::vector<Attribute> out;
    for (const auto& a : received) {
        const auto* row = find_attribute(a.name);
        // kOwn here is one that was malformed: it has no meaning that could be written.
        const bool passes = row != nullptr ? row->rule == AttributeRule::kPass : pass_unknown;
        if (!passes || mentions_address(a.name) || (a.value && mentions_address(*a.value))) continue;
        out.push_back(a);
    }
    return out;
}

// "mode-set=0,2;octet-align=1" without the parameters that hold an address.
std::string passed_parameters(std::string_view parameters) {
    std::string out;
    while (!parameters.empty()) {
        const auto end = std::min(parameters.find(';'), parameters.size());
        const auto one = parameters.substr(0, end);
        parameters.remove_prefix(std::min(end + 1, parameters.size()));
        if (mentions_address(one)) continue;
        if (!out.empty()) out += ';';
        out += one;
    }
    // The space beside one that was left out would be the end or the beginning of the line's value, and lost.
    constexpr std::string_view kSpace = " \t";
    out.erase(out.find_last_not_of(kSpace) + 1);
    out.erase(0, out.find_first_not_of(kSpace));
    return out;
}

std::optional<std::uint8_t> payload_type(std::string_view format) {
    const auto type = format.size() > 3 ? std::nullopt : number<std::uint8_t>(format);
    return type && *type <= 127 ? type : std::nullopt;
}

// An m-line that is relayed: `m` as the other side described it, with our address and ports.
Media relayed(const Media& m, const LocalStream& stream, const LocalMedia& local, Direction direction) {
    Media out;
    out.type = "audio";
    out.protocol = "RTP/AVP";
    out.port = stream.rtp_port;
    if (stream.address != local.address) out.connection = connection_of(stream.address);
    out.bandwidths = passed_bandwidths(m.bandwidths);
    out.formats.reserve(m.formats.size());
    out.rtpmaps.reserve(m.rtpmaps.size());
    out.fmtps.reserve(m.fmtps.size());
    for (const auto& format : m.formats) {
        const auto type = payload_type(format);
        if (!type || listed(out.formats, format)) continue;
        const auto* map = m.rtpmap(*type);
        if (map != nullptr && mentions_address(map->encoding)) continue;
        out.formats.push_back(format);
        if (map != nullptr) out.rtpmaps.push_back(*map);
        if (const auto* fmtp = m.fmtp(format)) {
            if (auto parameters = passed_parameters(fmtp->parameters); !parameters.empty()) {
                out.fmtps.push_back({format, std::move(parameters)});
            }
        }
    }
    out.ptime_ms = m.ptime_ms;
    out.maxptime_ms = m.maxptime_ms;
    if (stream.rtcp_port != stream.rtp_port + 1) {
        out.rtcp = RtcpAttribute{.port = stream.rtcp_port, .connection = std::nullopt};
    }
    out.attributes = passed_attributes(m.attributes, local.pass_unknown_attributes);
    out.direction = direction;
    return out;
}

// A rejected m-line keeps type, transport and one format (RFC 3264 §6).
Media rejected(const Media& m) {
    Media out;
    out.type = m.type;
    out.protocol = m.protocol;
    out.formats.push_back(m.formats.empty() ? "0" : m.formats.front());
    return out;
}

// The same towards the side that did not write it: only words that everybody uses, for a token may hold a
// host name as well as anything.
Media disabled(const Media& m) {
    constexpr std::array<std::string_view, 6> kTypes{"audio", "video", "text", "application", "message", "image"};
    Media out = rejected(m);
    if (!listed(kTypes, out.type)) out.type = "application";
    if (out.protocol.size() > 32 || mentions_address(out.protocol)) out.protocol = "udp";
    if (!payload_type(out.formats.front()) && out.formats.front() != "t38") {
        out.formats.front() = out.protocol.contains("RTP") ? "0" : "*";
    }
    return out;
}

Session frame(const Session& received, const LocalMedia& local) {
    Session out;
    out.origin.address = local.address.text();
    out.origin.ip6 = local.address.is_v6();
    out.connection = connection_of(local.address);
    out.bandwidths = passed_bandwidths(received.bandwidths);
    out.attributes = passed_attributes(received.attributes, local.pass_unknown_attributes);
    return out;
}

}  // namespace

Session rebuild_offer(const Session& received, const LocalMedia& local, const Session* previous) {
    Session out = frame(received, local);
    out.media.reserve(std::max(received.media.size(), previous == nullptr ? 0 : previous->media.size()));
    for (std::size_t i = 0; i < received.media.size(); ++i) {
        const auto end = stream_end(received, i);
        const auto* stream = local_stream(local, i);
        auto line = end.relay == Relay::kYes && stream != nullptr
                        ? relayed(received.media[i], *stream, local, end.direction)
                        : disabled(received.media[i]);
        if (line.formats.empty()) line = disabled(received.media[i]);
        out.media.push_back(std::move(line));
    }
    if (previous != nullptr) {
        for (std::size_t i = out.media.size(); i < previous->media.size(); ++i) {
            out.media.push_back(rejected(previous->media[i]));
        }
    }
    return out;
}

Session rebuild_answer(const Session& offer, const Session& received, const LocalMedia& local) {
    Session out = frame(received, local);
    out.media.reserve(offer.media.size());
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        const auto offered = stream_end(offer, i);
        const auto answered = stream_end(received, i);
        const auto* stream = local_stream(local, i);
        if (offered.relay != Relay::kYes || answered.relay != Relay::kYes || stream == nullptr) {
            out.media.push_back(rejected(offer.media[i]));
            continue;
        }
        // RFC 3264 §6.1: sendonly is answered recvonly or inactive; some answer sendrecv all the same.
        const auto direction = intersect(answered.direction, reverse(offered.direction));
        auto line = relayed(received.media[i], *stream, local, direction);
        if (line.formats.empty()) line = rejected(offer.media[i]);
        out.media.push_back(std::move(line));
    }
    return out;
}

}  // namespace sallyport::sdp
