#include "controlplane/sip/message.h"

#include <cstring>

#include "platform/base/byte_scan.h"
#include "platform/base/line_break.h"

namespace sallyport::sip {
namespace {

constexpr auto kNone = std::string_view::npos;
constexpr std::string_view kVersion = "SIP/2.0";

// Where the CR LF of the line that starts at `at` stands; `end` when there is none. `bare` is set when a CR or LF
// stands alone before it. The bytes from `floor` on may be read.
inline const char* end_of_line(const char* floor, const char* at, const char* end, bool& bare) {
    for (; (at = find_line_break(floor, at, end)) != end; ++at) {
        if (end - at >= 2 && std::memcmp(at, "\r\n", 2) == 0) [[likely]]
            return at;
        bare = true;
    }
    return end;
}

// RFC 3261 §25.1: where a comma in a comment is no separator. Elsewhere '(' is but a mark, and stands in users.
Comments comments_in(HeaderId id) {
    switch (id) {
        case HeaderId::kVia:
        case HeaderId::kUserAgent:
        case HeaderId::kServer:
        case HeaderId::kRetryAfter: return Comments::kSkip;
        default: return Comments::kNone;
    }
}

// Fields of which a second one makes the message ambiguous (RFC 3261 §7.3.1), beside those that decode() reads.
struct SingleField {
    HeaderId id;
    Reason duplicate;
};
constexpr std::array<SingleField, 8> kSingleFields = {{
    {HeaderId::kContentType, "Duplicate Content-Type header"},
    {HeaderId::kExpires, "Duplicate Expires header"},
    {HeaderId::kMinSe, "Duplicate Min-SE header"},
    {HeaderId::kRAck, "Duplicate RAck header"},
    {HeaderId::kReferTo, "Duplicate Refer-To header"},
    {HeaderId::kReplaces, "Duplicate Replaces header"},
    {HeaderId::kRSeq, "Duplicate RSeq header"},
    {HeaderId::kSessionExpires, "Duplicate Session-Expires header"},
}};

// A tag without a value is against the grammar (RFC 3261 §25.1), and no answer could carry one of ours beside it: who
// reads
// ";tag;tag=x" finds the first.
bool take_tag(const NameAddr& from_or_to, std::string_view& tag) {
    tag = from_or_to.tag();
    return !from_or_to.has_tag || !tag.empty();
}

}  // namespace

void Message::reset(std::string_view datagram) {
    bytes_ = datagram;
    body_ = {};
    is_request_ = understood_ = false;
    method_ = Method::kOther;
    status_ = 0;
    count_ = 0;
    method_text_ = reason_ = {};
    uri_ = {};
    via_ = {};
    from_ = to_ = {};
    from_tag_ = to_tag_ = call_id_ = {};
    cseq_ = {};
    max_forwards_.reset();
    error_.reset();
    first_.fill(0);  // last_ is read where first_ is set
}

void Message::fail(Reason reason, std::uint16_t status) {
    if (!error_) error_ = ParseError{status, reason, false};
}

// Of one call, and for each field: the bytes in [begin, end), with the datagram around them.
[[gnu::always_inline]] inline bool Message::add_field(const char* begin, const char* end) {
    // HCOLON = *( SP / HTAB ) ":" SWS; the name ends before that white space.
    const char* const colon = find_any<':'>(begin_of(bytes_), begin, end);
    const char* name_end = colon;
    while (name_end != begin && chars::is(name_end[-1], chars::kBlank)) --name_end;
    const auto name = chars::between(begin, name_end);
    const auto id = header_id(name, static_cast<std::size_t>(end_of(bytes_) - begin));
    // What is in the list is a token.
    if (colon == end || (id == HeaderId::kOther && !is_token(name))) {
        fail("Malformed header field");
        return true;  // go on: what follows may suffice for an answer
    }
    if (count_ == kMaxFields) {
        fail("Too many header fields");
        return false;
    }
    fields_[count_++] = {.line = chars::between(begin, end),
                         .value = trim(chars::between(colon + 1, end)),
                         .name_length = static_cast<std::uint16_t>(name.size()),
                         .next = 0,
                         .id = id};
    if (id != HeaderId::kOther) {
        auto& first = first_[index(id)];
        auto& last = last_[index(id)];
        if (first == 0)
            first = count_;
        else
            fields_[last - 1U].next = count_;
        last = count_;
    }
    return true;
}

std::expected<void, ParseError> Message::parse(std::string_view datagram) {
    reset(datagram);
    if (datagram.size() > kMaxSize) return std::unexpected(ParseError{400, "Message too large", false});
    const char* const begin = begin_of(datagram);
    const char* const end = end_of(datagram);
    const char* at = begin;
    while (end - at >= 2 && std::memcmp(at, "\r\n", 2) == 0) at += 2;
    if (at == end) return std::unexpected(ParseError{400, "Empty message", false});

    bool bare = false;
    const char* line = at;
    const char* line_end = end_of_line(begin, line, end, bare);
    if (line_end == end) return std::unexpected(ParseError{400, "Start line does not end", false});
    parse_start_line(chars::between(line, line_end));

    for (;;) {
        line = line_end + 2;
        line_end = end_of_line(begin, line, end, bare);
        if (line_end == end) {
            fail("Header section does not end");
            at = end;
            break;
        }
        at = line_end + 2;
        if (line_end == line) break;
        // A line that starts with white space continues the one before (RFC 3261 §7.3.1).
        while (at != end && chars::is(*at, chars::kBlank)) {
            const char* const more = end_of_line(begin, at, end, bare);
            if (more == end) break;
            line_end = more;
            at = line_end + 2;
        }
        if (!add_field(line, line_end)) break;
    }
    if (bare) fail("Bare CR or LF in header section");

    decode();
    if (!error_ || error_->reason != "Header section does not end") decode_body(chars::between(at, end));
    if (!error_) return {};
    // A bare CR or LF is not echoed: whoever reads it otherwise would read other fields.
    error_->answerable = understood_ && is_request_ && method_ != Method::kAck && !via_.raw.empty() && !bare;
    return std::unexpected(*error_);
}

void Message::parse_start_line(std::string_view line) {
    // A method has no '/' in it, so that these four characters tell a response.
    if (line.size() > 4 && iequals(line.substr(0, 4), "SIP/"))
        parse_status_line(line);
    else
        parse_request_line(line);
}

void Message::parse_status_line(std::string_view line) {
    if (!iequals(line.substr(0, kVersion.size()), kVersion)) return fail("Version Not Supported", 505);
    // RFC 3261 §7.2. The SP after the code may lack when there is no phrase: seen in the wild, harmless.
    const auto rest = line.substr(kVersion.size());
    if (rest.size() < 4 || rest[0] != ' ' || (rest.size() > 4 && rest[4] != ' ')) return fail("Malformed status line");
    const auto code = parse_number(rest.substr(1, 3), 699);
    if (!code || *code < 100) return fail("Malformed status code");
    understood_ = true;
    status_ = static_cast<std::uint16_t>(*code);
    reason_ = rest.size() > 5 ? rest.substr(5) : std::string_view();
}

void Message::parse_request_line(std::string_view line) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    is_request_ = true;
    if (first == kNone || first == last) return fail("Malformed request line");
    method_text_ = line.substr(0, first);
    method_ = method_of(method_text_);
    const auto uri = line.substr(first + 1, last - first - 1);
    const auto version = line.substr(last + 1);
    // Trailing white space ends up as an empty version: still a request line (RFC 4475 §3.1.2.10, trws).
    understood_ = version.empty() || (version.size() > 4 && iequals(version.substr(0, 4), "SIP/"));
    uri_.text = uri;
    if (!is_token(method_text_)) return fail("Malformed method");
    if (version.empty() || !understood_) return fail("Malformed request line");
    if (!iequals(version, kVersion)) return fail("Version Not Supported", 505);
    const auto parsed = Uri::parse(uri);
    if (!parsed) return fail("Malformed Request-URI");
    uri_ = *parsed;
}

void Message::check_single(HeaderId id, bool required, Reason missing, Reason duplicate) {
    const auto i = index(id);
    if (first_[i] == 0) {
        if (required) fail(missing);
    } else if (first_[i] != last_[i]) {
        fail(duplicate);
    }
}

void Message::decode() {
    const auto top = values(HeaderId::kVia).begin();
    if (top == std::default_sentinel) {
        fail("Missing Via header");
    } else if (!read_via(*top, via_)) {
        fail("Malformed Via header");
        if (via_.sent_by.host.empty()) via_ = {};
    }

    check_single(HeaderId::kFrom, true, "Missing From header", "Duplicate From header");
    check_single(HeaderId::kTo, true, "Missing To header", "Duplicate To header");
    check_single(HeaderId::kCallId, true, "Missing Call-ID header", "Duplicate Call-ID header");
    check_single(HeaderId::kCSeq, true, "Missing CSeq header", "Duplicate CSeq header");
    check_single(HeaderId::kMaxForwards, false, {}, "Duplicate Max-Forwards header");
    check_single(HeaderId::kContentLength, false, {}, "Duplicate Content-Length header");

    if (const auto* field = find(HeaderId::kFrom)) {
        const auto from = parse_name_addr(field->value);
        if (from) from_ = *from;
        if (!from || !take_tag(from_, from_tag_)) fail("Malformed From header");
    }
    if (const auto* field = find(HeaderId::kTo)) {
        const auto to = parse_name_addr(field->value);
        if (to) to_ = *to;
        if (!to || !take_tag(to_, to_tag_)) fail("Malformed To header");
    }
    if (const auto* field = find(HeaderId::kCallId)) {
        call_id_ = field->value;
        if (call_id_.empty() || has_lws(call_id_)) fail("Malformed Call-ID header");
    }
    if (const auto* field = find(HeaderId::kCSeq)) {
        if (const auto cseq = parse_cseq(field->value)) {
            cseq_ = *cseq;
            // RFC 3261 §8.1.1.5; RFC 4475 §3.1.2.17 (mismatch01).
            if (is_request_ && cseq_.method_text != method_text_) fail("CSeq method does not match the request");
        } else {
            fail(cseq.error());
        }
    }
    if (const auto* field = find(HeaderId::kMaxForwards); field && is_request_) {
        if (const auto n = parse_number(field->value, 255))
            max_forwards_ = static_cast<std::uint8_t>(*n);
        else
            fail("Malformed Max-Forwards header");
    }
    for (const auto& single : kSingleFields) check_single(single.id, false, {}, single.duplicate);
}

void Message::decode_body(std::string_view rest) {
    body_ = rest;
    const auto* field = find(HeaderId::kContentLength);
    if (!field) return;  // RFC 3261 §18.3: over UDP the body then goes to the end of the datagram
    const auto length = parse_number(field->value);
    if (!length) return fail("Malformed Content-Length header");
    if (*length > rest.size()) return fail("Content-Length larger than body");
    body_ = rest.substr(0, *length);  // surplus is ignored (§18.3; RFC 4475 §3.1.1.8, dblreq)
}

std::string_view Message::value(HeaderId id) const {
    const auto* field = find(id);
    return field ? field->value : std::string_view();
}

const HeaderField* Message::find(std::string_view name) const {
    if (const auto id = header_id(name); id != HeaderId::kOther) return find(id);
    for (const auto& field : fields())
        if (field.id == HeaderId::kOther && iequals(field.name(), name)) return &field;
    return nullptr;
}

bool Message::lists(HeaderId id, std::string_view token) const {
    for (const auto element : values(id))
        if (id == HeaderId::kAllow ? element == token : iequals(element, token)) return true;
    return false;
}

Message::ValueRange::Iterator::Iterator(const Message* message, const HeaderField* field)
    : message_(message), field_(field) {
    if (field_) element_ = CommaList(field_->value, comments_in(field_->id)).begin();
    if (element_ == std::default_sentinel) settle();
}

// Goes on to the next field while the current one has nothing more.
void Message::ValueRange::Iterator::settle() {
    while (field_ && element_ == std::default_sentinel) {
        field_ = message_->next(*field_);
        if (field_) element_ = CommaList(field_->value, comments_in(field_->id)).begin();
    }
}

}  // namespace sallyport::sip
