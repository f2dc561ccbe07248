#include "media/sdp/sdp_parse.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "media/sdp/sdp_text.h"
#include "platform/base/byte_scan.h"
#include "platform/base/line_break.h"

namespace sallyport::sdp {

namespace {

using Failure = const char*;  // nullptr: fine

constexpr std::size_t kMaxAttributes = 256;  // of one section
constexpr std::size_t kMaxTimes = 16;
constexpr std::size_t kMaxBandwidths = 16;
constexpr std::size_t kMaxNumber = 64;  // digits of o= id and version

// "IN IP4 192.0.2.1", with "/ttl" and "/count" behind it for multicast.
std::optional<Connection> parse_connection(Words words) {
    if (!equals_ignoring_case(words.next(), "IN")) return std::nullopt;
    const auto family = words.next();
    const bool ip4 = equals_ignoring_case(family, "IP4");
    if (!ip4 && !equals_ignoring_case(family, "IP6")) return std::nullopt;
    auto address = words.next();
    if (!words.empty()) return std::nullopt;
    // RFC 8866 §9, non-ws-string. A tab before the slash would be the end of the line when it is written.
    const auto visible = [](char byte) { return static_cast<unsigned char>(byte) > ' ' && byte != '\x7f'; };
    if (!std::ranges::all_of(address, visible)) return std::nullopt;
    address = address.substr(0, address.find('/'));
    if (address.empty() || address.size() > 255) return std::nullopt;
    Connection c;
    c.address = address;
    if (const auto ip = IpAddress::parse(address)) {
        if (ip->is_v4() != ip4) return std::nullopt;
        c.ip = *ip;
    }
    return c;
}

std::optional<Direction> direction_of(std::string_view name) {
    if (name.size() != 8) return std::nullopt;  // all four are as long
    for (const auto d : {Direction::kSendRecv, Direction::kSendOnly, Direction::kRecvOnly, Direction::kInactive}) {
        if (std::memcmp(name.data(), direction_name(d).data(), 8) == 0) return d;
    }
    return std::nullopt;
}

// "8 PCMA/8000" or "96 opus/48000/2".
bool parse_rtpmap(Words words, std::vector<RtpMap>& maps) {
    const auto payload_type = words.number<std::uint8_t>();
    if (!payload_type || *payload_type > 127) return false;
    const std::string_view encoding = words.rest();
    const char* const end = end_of(encoding);
    const char* const slash = skip_token(begin_of(encoding), end);
    const std::string_view name(begin_of(encoding), slash);
    if (name.empty() || slash == end || *slash != '/') return false;
    const char* at = slash + 1;
    const auto clock = take_number<std::uint32_t>(at, end);
    if (!clock || *clock == 0) return false;
    std::uint16_t channels = 1;
    if (at != end && *at == '/') channels = take_number<std::uint16_t>(++at, end).value_or(0);
    if (channels == 0 || (at != end && *at != ' ')) return false;
    maps.emplace_back(*payload_type, std::string(name), *clock, channels);
    return true;
}

// "20" and, from some phones, "20.0": the fraction does not matter.
std::optional<std::uint32_t> parse_milliseconds(std::string_view value) {
    value = trim(value);
    const auto ms = number<std::uint32_t>(value.substr(0, value.find('.')));
    return ms && *ms > 0 && *ms <= 10'000 ? ms : std::nullopt;
}

class Parser {
public:
    Parser(std::string_view text, Session& session) : text_(text), session_(session) {}
    std::expected<void, ParseError> run(std::size_t max_lines);

private:
    Failure line(char type, std::string_view value);
    Failure version(std::string_view value);
    Failure origin(std::string_view value);
    Failure connection(std::string_view value);
    Failure bandwidth(std::string_view value);
    Failure timing(std::string_view value);
    Failure media(std::string_view value);
    Failure attribute(std::string_view value);
    bool media_attribute(Media& m, std::string_view name, std::string_view value);
    Failure finish() const;
    Media* current() { return session_.media.empty() ? nullptr : &session_.media.back(); }
    Words words(std::string_view line) const { return {begin_of(text_), line}; }

    std::string_view text_;
    Session& session_;  // an empty one
    bool has_version_ = false;
    bool has_origin_ = false;
    std::size_t times_ = 0;
};

Failure Parser::version(std::string_view value) {
    if (has_version_) return "a second v= line";
    if (trim(value) != "0") return "v= is not 0";
    has_version_ = true;
    return nullptr;
}

Failure Parser::origin(std::string_view value) {
    if (has_origin_) return "a second o= line";
    // <username> <sess-id> <sess-version> IN <addrtype> <address>. A user name with spaces is against the
    // grammar, but some PBXs put one there: so count from the end.
    std::array<std::string_view, 16> word;
    std::size_t count = 0;
    for (auto rest = words(value); !rest.empty();) {
        if (count == word.size()) return "o= has too many words";
        word[count++] = rest.next();
    }
    if (count < 6) return "o= has less than six words";
    const auto last = count - 1;
    const auto id = word[last - 4];
    const auto version = word[last - 3];
    if (!all_digits(id) || id.size() > kMaxNumber) return "o= session id is not a number";
    if (!all_digits(version) || version.size() > kMaxNumber) return "o= session version is not a number";
    session_.origin.username = word[0];
    session_.origin.session_id = id;
    session_.origin.version = version;
    session_.origin.address = word[last];
    session_.origin.ip6 = equals_ignoring_case(word[last - 1], "IP6");
    has_origin_ = true;
    return nullptr;
}

Failure Parser::connection(std::string_view value) {
    auto c = parse_connection(words(value));
    if (!c) return "c= is not IN IP4 or IP6 and an address";
    // Several c= of one media section are layered multicast (RFC 8866 §5.7): the first stands for all.
    auto& slot = current() != nullptr ? current()->connection : session_.connection;
    if (!slot) slot = std::move(*c);
    return nullptr;
}

Failure Parser::bandwidth(std::string_view value) {
    auto& list = current() != nullptr ? current()->bandwidths : session_.bandwidths;
    const auto colon = value.find(':');
    if (colon == std::string_view::npos || !is_token(value.substr(0, colon))) return "b= has no type";
    const auto amount = number<std::uint64_t>(trim(value.substr(colon + 1)));
    if (!amount) return "b= is not a number";
    if (list.size() >= kMaxBandwidths) return "too many b= lines";
    list.push_back({std::string(value.substr(0, colon)), *amount});
    return nullptr;
}

Failure Parser::timing(std::string_view value) {
    auto rest = words(value);
    if (!rest.number<std::uint64_t>() || !rest.number<std::uint64_t>() || !rest.empty()) return "t= is not two numbers";
    return ++times_ > kMaxTimes ? "too many t= lines" : nullptr;
}

Failure Parser::media(std::string_view value) {
    if (session_.media.size() >= kMaxMedia) return "too many m= lines";
    Media& m = session_.media.emplace_back();  // a failure ends the whole description
    auto rest = words(value);
    m.type = rest.token();
    if (m.type.empty()) return "m= has no media type";
    const auto port = rest.next();
    auto port_number = number<std::uint16_t>(port);
    if (const auto slash = port_number ? std::string_view::npos : port.find('/'); slash != std::string_view::npos) {
        const auto count = number<std::uint16_t>(port.substr(slash + 1));
        if (!count || *count == 0) return "m= count of ports is not a number";
        m.port_count = *count;
        port_number = number<std::uint16_t>(port.substr(0, slash));
    }
    if (!port_number) return "m= port is not a number from 0 to 65535";
    m.port = *port_number;
    const auto protocol = rest.next();
    for (const char* at = begin_of(protocol);; ++at) {  // tokens with slashes between them
        const char* const begin = at;
        at = skip_token(at, end_of(protocol));
        if (at == begin || (at != end_of(protocol) && *at != '/')) return "m= has no transport";
        if (at == end_of(protocol)) break;
    }
    m.protocol = protocol;
    m.formats.reserve(std::min(kMaxFormats, static_cast<std::size_t>(std::ranges::count(rest.rest(), ' ')) + 1));
    while (!rest.empty()) {
        const auto format = rest.token();
        if (format.empty()) return "m= format is no token";
        if (m.formats.size() >= kMaxFormats) return "m= has too many formats";
        m.formats.emplace_back(format);
    }
    if (m.formats.empty()) return "m= has no format";
    return nullptr;
}

// True when `value` became a field of the media section. An attribute that is known but malformed is kept
// as text among the others, where nothing reads it: it is no reason to refuse the call.
bool Parser::media_attribute(Media& m, std::string_view name, std::string_view value) {
    if (name == "rtpmap") {
        // As a rule there is one for each format.
        if (m.rtpmaps.empty()) m.rtpmaps.reserve(m.formats.size());
        return m.rtpmaps.size() < kMaxFormats && parse_rtpmap(words(value), m.rtpmaps);
    } else if (name == "fmtp") {
        auto rest = words(value);
        const auto format = rest.token();
        if (!format.empty() && !rest.empty() && m.fmtps.size() < kMaxFormats) {
            if (m.fmtps.empty()) m.fmtps.reserve(2);
            m.fmtps.emplace_back(std::string(format), std::string(rest.rest()));
            return true;
        }
    } else if (name == "ptime" || name == "maxptime") {
        if (const auto ms = parse_milliseconds(value)) {
            (name == "ptime" ? m.ptime_ms : m.maxptime_ms) = ms;
            return true;
        }
    } else if (name == "rtcp") {
        auto rest = words(value);
        const auto port = rest.number<std::uint16_t>();
        if (!port || *port == 0) return false;
        RtcpAttribute rtcp{.port = *port, .connection = std::nullopt};
        if (!rest.empty()) {
            rtcp.connection = parse_connection(rest);
            if (!rtcp.connection) return false;
        }
        m.rtcp = std::move(rtcp);
        return true;
    }
    return false;
}

Failure Parser::attribute(std::string_view line) {
    const char* const end = end_of(line);
    const char* const colon = find_any<':'>(begin_of(text_), begin_of(line), end);
    const auto name = trim({begin_of(line), colon});
    const bool has_value = colon != end;
    const auto value = has_value ? trim({colon + 1, end}) : std::string_view();
    Media* const m = current();
    if (has_value) {
        if (m != nullptr && media_attribute(*m, name, value)) return nullptr;
    } else if (const auto d = direction_of(name)) {
        (m != nullptr ? m->direction : session_.direction) = d;
        return nullptr;
    }
    if (!is_token(name)) return "a= has no name";
    auto& list = m != nullptr ? m->attributes : session_.attributes;
    if (list.size() >= kMaxAttributes) return "too many a= lines";
    list.push_back({std::string(name), has_value ? std::optional<std::string>(value) : std::nullopt});
    return nullptr;
}

Failure Parser::line(char type, std::string_view value) {
    if (!has_version_ && type != 'v') return "v=0 does not come first";
    switch (type) {
        case 'v': return version(value);
        case 'o': return origin(trim(value));
        case 's': session_.name = trim(value); return nullptr;
        case 'c': return connection(trim(value));
        case 'b': return bandwidth(value);
        case 't': return timing(trim(value));
        case 'm': return media(trim(value));
        case 'a': return attribute(value);
        default: return nullptr;  // RFC 8866 §5: unknown types are ignored; i u e p k r z are of no use here
    }
}

Failure Parser::finish() const {
    if (!has_version_) return "empty";
    if (!has_origin_) return "no o= line";
    for (const auto& m : session_.media) {
        // RFC 8866 §5.7. A rejected line needs none.
        if (m.port != 0 && !m.connection && !session_.connection) return "an m= line without c=";
    }
    return nullptr;
}

std::expected<void, ParseError> Parser::run(std::size_t max_lines) {
    std::uint32_t line_number = 0;
    const char* const begin = begin_of(text_);
    const char* const end = end_of(text_);
    const bool zeros = text_.contains('\0');  // sought in each line only when there is one
    const auto error = [&](Failure what) { return std::unexpected(ParseError{line_number, what}); };
    for (const char* at = begin; at != end;) {
        ++line_number;
        if (line_number > max_lines) return error("too many lines");
        const std::string_view one(at, find_line_break(begin, at, end));
        at = end_of(one);
        if (end - at >= 2 && std::memcmp(at, "\r\n", 2) == 0) {
            at += 2;
        } else if (at != end) {
            ++at;
        }
        const bool well_formed = one.size() >= 2 && one[1] == '=';
        if (!well_formed && trim(one).empty()) {
            const std::string_view rest(at, end);
            if (rest.find_first_not_of("\r\n \t") != std::string_view::npos) return error("empty line");
            break;
        }
        if (zeros && one.contains('\0')) return error("a zero byte");
        if (!well_formed) return error("not <letter>=<value>");
        if (const Failure what = line(one[0], one.substr(2)); what != nullptr) return error(what);
    }
    line_number = 0;
    if (const Failure what = finish(); what != nullptr) return error(what);
    return {};
}

std::expected<Session, ParseError> parse_lines(std::string_view text, std::size_t max_lines) {
    std::expected<Session, ParseError> session;
    if (auto parsed = Parser(text, *session).run(max_lines); !parsed)
        session = std::unexpected(std::move(parsed.error()));
    return session;
}

}  // namespace

std::string ParseError::text() const { return line == 0 ? what : "line " + std::to_string(line) + ": " + what; }

std::expected<Session, ParseError> parse(std::string_view text) {
    if (text.size() > kMaxBytes) return std::unexpected(ParseError{0, "longer than 32 KiB"});
    return parse_lines(text, kMaxLines);
}

std::expected<Session, ParseError> parse_written(std::string_view text) {
    if (text.size() > 2 * kMaxBytes) return std::unexpected(ParseError{0, "longer than 64 KiB"});
    return parse_lines(text, 2 * kMaxLines);
}

}  // namespace sallyport::sdp
