#include "media/offer_answer/attribute_table.h"

#include <algorithm>
#include <array>

namespace sallyport::sdp {

namespace {

using enum AttributeRule;

constexpr auto kTable = std::to_array<AttributeRow>({
    {"acap", kStrip, "capability negotiation (RFC 5939) may carry any attribute inside"},
    {"acfg", kStrip, "capability negotiation (RFC 5939)"},
    {"alt", kStrip, "alternative addresses"},
    {"altc", kStrip, "alternative addresses (RFC 6947)"},
    {"bundle-only", kStrip, "streams are relayed each on its own port"},
    {"candidate", kStrip, "addresses of the other side (RFC 8839)"},
    {"cat", kStrip, "free text about the session"},
    {"charset", kStrip, "for s= and i=, which are ours"},
    {"connection", kStrip, "set-up of TCP and TLS, which is per leg (RFC 4145)"},
    {"content", kPass, "purpose of a stream (RFC 4796)"},
    {"creq", kStrip, "capability negotiation (RFC 5939)"},
    {"crypto", kStrip, "keys are per leg (RFC 4568)"},
    {"csup", kStrip, "capability negotiation (RFC 5939)"},
    {"curr", kStrip, "preconditions (RFC 3312) are not supported"},
    {"des", kStrip, "preconditions (RFC 3312) are not supported"},
    {"conf", kStrip, "preconditions (RFC 3312) are not supported"},
    {"dtls-id", kStrip, "security is per leg"},
    {"end-of-candidates", kStrip, "ICE is per leg"},
    {"extmap", kStrip, "names are URIs; RTP header extensions are not negotiated across"},
    {"fingerprint", kStrip, "security is per leg (RFC 8122)"},
    {"fmtp", kOwn, "parameters of the formats that remain; those that hold an address are left out"},
    {"gpmd", kPass, "general parameters of a codec"},
    {"group", kStrip, "streams are relayed each on its own port"},
    {"ice-lite", kStrip, "ICE is per leg"},
    {"ice-mismatch", kStrip, "ICE is per leg"},
    {"ice-options", kStrip, "ICE is per leg"},
    {"ice-pacing", kStrip, "ICE is per leg"},
    {"ice-pwd", kStrip, "ICE is per leg"},
    {"ice-ufrag", kStrip, "ICE is per leg"},
    {"inactive", kOwn, "direction"},
    {"key-mgmt", kStrip, "keys are per leg (RFC 4567)"},
    {"keywds", kStrip, "free text about the session"},
    {"label", kStrip, "an identifier of the other side (RFC 4574)"},
    {"lang", kPass, "language of a stream"},
    {"maxptime", kOwn, "packet time"},
    {"mid", kStrip, "streams are relayed each on its own port"},
    {"msid", kStrip, "identifiers of the other side"},
    {"msid-semantic", kStrip, "identifiers of the other side"},
    {"nortpproxy", kStrip, "names a relay of the other side"},
    {"oldmediaip", kStrip, "an address of the other side"},
    {"oldoip", kStrip, "an address of the other side"},
    {"path", kStrip, "URIs of the other side (MSRP)"},
    {"pcfg", kStrip, "capability negotiation (RFC 5939)"},
    {"ptime", kOwn, "packet time"},
    {"recvonly", kOwn, "direction"},
    {"remote-candidates", kStrip, "addresses of the other side"},
    {"rtcp", kOwn, "our RTCP port is the next one: it is left out (RFC 3605)"},
    {"rtcp-fb", kStrip, "feedback needs the AVPF profile"},
    {"rtcp-mux", kStrip, "RTP and RTCP have a port each (RFC 5761)"},
    {"rtcp-mux-only", kStrip, "RTP and RTCP have a port each"},
    {"rtcp-rsize", kStrip, "needs the AVPF profile"},
    {"rtcp-xr", kPass, "report blocks of RTCP, which is relayed (RFC 3611)"},
    {"rtpmap", kOwn, "names of the formats that remain"},
    {"sdplang", kStrip, "for s= and i=, which are ours"},
    {"sendonly", kOwn, "direction"},
    {"sendrecv", kOwn, "direction"},
    {"setup", kStrip, "set-up of TCP and TLS is per leg (RFC 4145)"},
    {"silenceSupp", kPass, "silence suppression (RFC 3108)"},
    {"source-filter", kStrip, "addresses of the other side (RFC 4570)"},
    {"ssrc", kStrip, "CNAME names the sender's host (RFC 5576)"},
    {"ssrc-group", kStrip, "identifiers of the other side"},
    {"tcap", kStrip, "capability negotiation (RFC 5939)"},
    {"tls-id", kStrip, "security is per leg (RFC 8842)"},
    {"tool", kStrip, "names the other side's software"},
    {"type", kStrip, "kind of a conference"},
    {"zrtp-hash", kStrip, "security is per leg"},
});

}  // namespace

std::span<const AttributeRow> attribute_table() { return kTable; }

const AttributeRow* find_attribute(std::string_view name) {
    const auto it = std::ranges::find(kTable, name, &AttributeRow::name);  // case-sensitive: RFC 8866 §6
    return it == kTable.end() ? nullptr : &*it;
}

std::string attribute_table_text() {
    std::string out = "| attribute | crosses | why |\n|---|---|---|\n";
    for (const auto& row : kTable) {
        const auto rule = row.rule == kOwn ? "rewritten" : row.rule == kPass ? "pass" : "strip";
        out.append("| ").append(row.name).append(" | ").append(rule).append(" | ").append(row.why).append(" |\n");
    }
    return out;
}

}  // namespace sallyport::sdp
