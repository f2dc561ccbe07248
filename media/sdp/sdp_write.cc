#include "media/sdp/sdp_write.h"

#include <initializer_list>
#include <string_view>

namespace sallyport::sdp {

namespace {

class Writer {
public:
    void line(char type, std::initializer_list<std::string_view> parts) {
        out_ += type;
        out_ += '=';
        for (const auto p : parts) out_ += p;
        out_ += "\r\n";
    }
    void connection(const Connection& c) { line('c', {"IN ", family(c), " ", c.address}); }
    void bandwidths(const std::vector<Bandwidth>& list) {
        for (const auto& b : list) line('b', {b.type, ":", std::to_string(b.value)});
    }
    void direction(const std::optional<Direction>& d) {
        if (d) line('a', {direction_name(*d)});
    }
    void attributes(const std::vector<Attribute>& list) {
        for (const auto& a : list) {
            if (a.value) {
                line('a', {a.name, ":", *a.value});
            } else {
                line('a', {a.name});
            }
        }
    }
    void media(const Media& m);
    std::string take() { return std::move(out_); }
    Writer() {
        constexpr std::size_t kUsual = 640;
        out_.reserve(kUsual);
    }

    static std::string_view family(const Connection& c) {
        return c.ip.is_v6() || (c.ip.empty() && c.address.contains(':')) ? "IP6" : "IP4";
    }

private:
    std::string out_;
};

void Writer::media(const Media& m) {
    std::string formats;
    for (const auto& f : m.formats) formats.append(" ").append(f);
    const auto count = m.port_count == 1 ? std::string() : "/" + std::to_string(m.port_count);
    line('m', {m.type, " ", std::to_string(m.port), count, " ", m.protocol, formats});
    if (m.connection) connection(*m.connection);
    bandwidths(m.bandwidths);
    for (const auto& map : m.rtpmaps) {
        const auto channels = map.channels == 1 ? std::string() : "/" + std::to_string(map.channels);
        line('a', {"rtpmap:", std::to_string(map.payload_type), " ", map.encoding, "/", std::to_string(map.clock_rate),
                   channels});
    }
    for (const auto& f : m.fmtps) line('a', {"fmtp:", f.format, " ", f.parameters});
    if (m.ptime_ms) line('a', {"ptime:", std::to_string(*m.ptime_ms)});
    if (m.maxptime_ms) line('a', {"maxptime:", std::to_string(*m.maxptime_ms)});
    if (m.rtcp) {
        const auto port = std::to_string(m.rtcp->port);
        if (const auto& c = m.rtcp->connection) {
            line('a', {"rtcp:", port, " IN ", family(*c), " ", c->address});
        } else {
            line('a', {"rtcp:", port});
        }
    }
    attributes(m.attributes);
    direction(m.direction);
}

}  // namespace

std::string write(const Session& s) {
    Writer w;
    w.line('v', {"0"});
    w.line('o', {s.origin.username, " ", s.origin.session_id, " ", s.origin.version, " IN ",
                 s.origin.ip6 ? "IP6" : "IP4", " ", s.origin.address});
    w.line('s', {s.name.empty() ? "-" : std::string_view(s.name)});
    if (s.connection) w.connection(*s.connection);
    w.bandwidths(s.bandwidths);
    w.line('t', {"0 0"});  // RFC 8866 §5.9: mandatory; a session of no fixed time
    w.attributes(s.attributes);
    w.direction(s.direction);
    for (const auto& m : s.media) w.media(m);
    return w.take();
}

}  // namespace sallyport::sdp
