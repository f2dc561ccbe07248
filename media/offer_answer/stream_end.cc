#include "media/offer_answer/stream_end.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "media/sdp/sdp_text.h"

namespace sallyport::sdp {

namespace {

struct StaticType {
    std::uint8_t payload_type;
    std::string_view name;
    std::uint32_t clock_rate;
    std::uint16_t channels = 1;
};

// RFC 3551 §6, the audio types.
constexpr std::array kStaticTypes{
    StaticType{0, "PCMU", 8000},   StaticType{3, "GSM", 8000},    StaticType{4, "G723", 8000},
    StaticType{5, "DVI4", 8000},   StaticType{6, "DVI4", 16000},  StaticType{7, "LPC", 8000},
    StaticType{8, "PCMA", 8000},   StaticType{9, "G722", 8000},   StaticType{10, "L16", 44100, 2},
    StaticType{11, "L16", 44100},  StaticType{12, "QCELP", 8000}, StaticType{13, "CN", 8000},
    StaticType{14, "MPA", 90000},  StaticType{15, "G728", 8000},  StaticType{16, "DVI4", 11025},
    StaticType{17, "DVI4", 22050}, StaticType{18, "G729", 8000},
};

std::optional<std::uint8_t> payload_type(std::string_view format) {
    std::uint8_t v = 0;
    const auto [end, error] = std::from_chars(format.data(), format.data() + format.size(), v);
    if (error != std::errc() || end != format.data() + format.size() || v > 127) return std::nullopt;
    return v;
}

CodecSummary describe(const Media& m, std::uint8_t type) {
    CodecSummary out{.name = {}, .clock_rate = 0, .payload_type = type, .ptime_ms = m.ptime_ms.value_or(0)};
    std::uint16_t channels = 1;
    if (const auto* map = m.rtpmap(type)) {
        out.name = map->encoding;
        out.clock_rate = map->clock_rate;
        channels = map->channels;
    } else if (const auto it = std::ranges::find(kStaticTypes, type, &StaticType::payload_type);
               it != kStaticTypes.end()) {
        out.name = it->name;
        out.clock_rate = it->clock_rate;
        channels = it->channels;
    }
    if (channels > 1 && !out.name.empty()) out.name.append("/").append(std::to_string(channels));
    return out;
}

// Formats that go beside a codec and are none.
bool is_companion(const CodecSummary& c) {
    return equals_ignoring_case(c.name, "telephone-event") || equals_ignoring_case(c.name, "tone") ||
           equals_ignoring_case(c.name, "CN") || equals_ignoring_case(c.name, "red");
}

// Our own addresses are refused by the dataplane, which knows them.
bool usable(const IpAddress& ip) {
    return ip.is_v4() && !ip.is_multicast() && !ip.is_loopback() && ip != IpAddress::v4(0xffffffff);
}

}  // namespace

StreamEnd stream_end(const Session& description, std::size_t index) {
    StreamEnd end;
    if (index >= description.media.size()) return end;
    const Media& m = description.media[index];
    if (m.port == 0) return end;
    if (!equals_ignoring_case(m.type, "audio")) {
        end.relay = Relay::kNotAudio;
        return end;
    }
    if (!equals_ignoring_case(m.protocol, "RTP/AVP") ||
        std::ranges::none_of(m.formats, [](const std::string& f) { return payload_type(f).has_value(); })) {
        end.relay = Relay::kNotRtpAvp;
        return end;
    }
    const auto& connection = m.connection ? m.connection : description.connection;
    if (!connection || !usable(connection->ip)) {
        end.relay = Relay::kBadAddress;
        return end;
    }
    end.relay = Relay::kYes;
    end.direction = m.direction.value_or(description.direction.value_or(Direction::kSendRecv));
    if (connection->ip.is_unspecified()) {
        // RFC 3264 §8.4: nothing may be sent there, whatever the direction says.
        end.zero_address = true;
        end.direction = intersect(end.direction, Direction::kSendOnly);
        end.rtp = {IpAddress(), m.port};
        end.rtcp = {IpAddress(), 0};
        return end;
    }
    end.rtp = {connection->ip, m.port};
    end.rtcp = {connection->ip, static_cast<std::uint16_t>(m.port + 1)};  // 65535 + 1: port 0, none
    if (m.rtcp) {
        end.rtcp.port = m.rtcp->port;
        // An address that cannot be used leaves RTCP beside RTP.
        if (const auto& c = m.rtcp->connection; c && usable(c->ip) && !c->ip.is_unspecified()) end.rtcp.address = c->ip;
    }
    return end;
}

std::size_t relayed_streams(const Session& description) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < description.media.size(); ++i) {
        if (stream_end(description, i).relay == Relay::kYes) ++n;
    }
    return n;
}

bool is_hold(const Session& description) {
    bool any = false;
    for (std::size_t i = 0; i < description.media.size(); ++i) {
        const auto end = stream_end(description, i);
        if (end.relay != Relay::kYes) continue;
        if (receives(end.direction)) return false;
        any = true;
    }
    return any;
}

CodecSummary codec_summary(const Session& answer, std::size_t index) {
    if (index >= answer.media.size() || answer.media[index].port == 0) return {};
    const Media& m = answer.media[index];
    for (const auto& format : m.formats) {
        const auto type = payload_type(format);
        if (!type) continue;
        auto codec = describe(m, *type);
        if (!is_companion(codec)) return codec;
    }
    return {};
}

std::vector<std::string> codec_names(const Session& description, std::size_t index) {
    std::vector<std::string> out;
    if (index >= description.media.size()) return out;
    const Media& m = description.media[index];
    for (const auto& format : m.formats) {
        const auto type = payload_type(format);
        const auto codec = type ? describe(m, *type) : CodecSummary{};
        out.push_back(codec.name.empty() ? format
                                         : codec.name + "/" + std::to_string(codec.clock_rate) + " (" + format + ")");
    }
    return out;
}

}  // namespace sallyport::sdp
