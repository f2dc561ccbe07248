#include "media/sdp/sdp_write.h"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <string_view>

#include "platform/base/digits.h"

namespace sallyport::sdp {

namespace {

constexpr std::string_view kEnd = "\r\n";
constexpr std::size_t kUsual = 640;  // bytes of a description

class Writer {
public:
    Writer() : out_(kUsual, '\0') {}

    // Texts and Digits, one after the other, for which room is made once.
    template <typename... Parts>
    void text(const Parts&... parts) {
        append(std::string_view(parts)...);
    }
    template <typename... Parts>
    void line(const Parts&... parts) {
        append(std::string_view(parts)..., kEnd);
    }
    void connection(const Connection& c) { line("c=IN ", family(c), " ", c.address); }
    void bandwidths(const std::vector<Bandwidth>& list) {
        for (const auto& b : list) line("b=", b.type, ":", Digits(b.value));
    }
    void direction(const std::optional<Direction>& d) {
        if (d) line("a=", direction_name(*d));
    }
    void attributes(const std::vector<Attribute>& list) {
        for (const auto& a : list) {
            if (a.value) {
                line("a=", a.name, ":", *a.value);
            } else {
                line("a=", a.name);
            }
        }
    }
    void media(const Media& m);
    std::string take() {
        out_.resize(size_);
        return std::move(out_);
    }

    static std::string_view family(const Connection& c) {
        return c.ip.is_v6() || (c.ip.empty() && c.address.contains(':')) ? "IP6" : "IP4";
    }

private:
    void append(std::same_as<std::string_view> auto... parts) {
        const auto size = (parts.size() + ...);
        if (out_.size() - size_ < size) grow(size);
        char* at = out_.data() + size_;
        ((std::memcpy(at, parts.data(), parts.size()), at += parts.size()), ...);
        size_ += size;
    }

    void grow(std::size_t size);

    std::string out_;       // behind what has been written is room
    std::size_t size_ = 0;  // of what has been written
};

void Writer::grow(std::size_t size) { out_.resize(std::max(2 * out_.size(), size_ + size)); }

void Writer::media(const Media& m) {
    text("m=", m.type, " ", Digits(m.port));
    if (m.port_count != 1) text("/", Digits(m.port_count));
    text(" ", m.protocol);
    for (const auto& f : m.formats) text(" ", f);
    line();
    if (m.connection) connection(*m.connection);
    bandwidths(m.bandwidths);
    for (const auto& map : m.rtpmaps) {
        text("a=rtpmap:", Digits(map.payload_type), " ", map.encoding, "/", Digits(map.clock_rate));
        if (map.channels != 1) text("/", Digits(map.channels));
        line();
    }
    for (const auto& f : m.fmtps) line("a=fmtp:", f.format, " ", f.parameters);
    if (m.ptime_ms) line("a=ptime:", Digits(*m.ptime_ms));
    if (m.maxptime_ms) line("a=maxptime:", Digits(*m.maxptime_ms));
    if (m.rtcp) {
        text("a=rtcp:", Digits(m.rtcp->port));
        if (const auto& c = m.rtcp->connection) text(" IN ", family(*c), " ", c->address);
        line();
    }
    attributes(m.attributes);
    direction(m.direction);
}

}  // namespace

std::string write(const Session& s) {
    Writer w;
    w.line("v=0");
    w.line("o=", s.origin.username, " ", s.origin.session_id, " ", s.origin.version,
           s.origin.ip6 ? " IN IP6 " : " IN IP4 ", s.origin.address);
    w.line("s=", s.name.empty() ? "-" : std::string_view(s.name));
    if (s.connection) w.connection(*s.connection);
    w.bandwidths(s.bandwidths);
    w.line("t=0 0");  // RFC 8866 §5.9: mandatory; a session of no fixed time
    w.attributes(s.attributes);
    w.direction(s.direction);
    for (const auto& m : s.media) w.media(m);
    return w.take();
}

}  // namespace sallyport::sdp
