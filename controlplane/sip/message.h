#pragma once
// One SIP message as views into the datagram that carries it.
//
// parse() goes over the bytes once: start line, fields (any order, compact forms, folded, repeated), body.
// Nothing is copied and nothing is allocated: fields stand in an inline table, chained by HeaderId, so that
// find() is one array lookup. The caller keeps the datagram alive and unchanged as long as the Message, and
// reuses the Message: it is some 12 KiB large and belongs on no hot stack.
//
// What each element needs in order to answer at all is decoded and checked by parse(): start line, the top
// Via, From, To, Call-ID, CSeq, Max-Forwards, Content-Length. All else is decoded by who reads it:
//     for (std::string_view element : message.values(HeaderId::kContact)) { auto c = parse_name_addr(element); ... }
//
// Line ends are CR LF; a bare CR or LF is an error, for a field that we pass on byte by byte must not be
// read as two by somebody else. Empty lines before the start line are skipped (RFC 3261 §7.5).

#include <array>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "controlplane/sip/header_id.h"
#include "controlplane/sip/headers.h"
#include "controlplane/sip/method.h"
#include "controlplane/sip/uri.h"

namespace sallyport::sip {

struct ParseError {
    std::uint16_t status = 400;  // 400, or 505 for a version that is not ours
    Reason reason;               // a literal: "Missing Call-ID header"
    // A request other than ACK whose top Via could be read: a response finds its way. It copies what
    // there is of From, To, Call-ID and CSeq (RFC 4475 §3.3.1, insuf, wants its 400 too).
    bool answerable = false;
};

struct HeaderField {
    std::string_view line;   // the field as it came, folds included, without its final CR LF
    std::string_view value;  // LWS at both ends taken off; folds inside remain
    std::uint16_t name_length = 0;
    std::uint16_t next = 0;  // index + 1 of the next field of the same id, 0: none
    HeaderId id = HeaderId::kOther;

    std::string_view name() const { return line.substr(0, name_length); }
};

class Message {
public:
    static constexpr std::size_t kMaxFields = 256;
    static constexpr std::size_t kMaxSize = 65535;

    // After an error the message holds what could be read, enough for an answer if `answerable`.
    std::expected<void, ParseError> parse(std::string_view datagram);

    bool is_request() const { return is_request_; }
    bool is_response() const { return !is_request_; }
    // Of a request; of a response that of its CSeq.
    Method method() const { return is_request_ ? method_ : cseq_.method; }
    std::string_view method_text() const { return is_request_ ? method_text_ : cseq_.method_text; }
    std::string_view request_uri() const { return uri_.text; }
    const Uri& uri() const { return uri_; }  // the Request-URI
    unsigned status() const { return status_; }
    std::string_view reason() const { return reason_; }  // may be empty

    std::span<const HeaderField> fields() const { return std::span(fields_).first(count_); }
    bool has(HeaderId id) const { return first_[index(id)] != 0; }
    // The first field of that id, or nullptr.
    const HeaderField* find(HeaderId id) const {
        const auto i = first_[index(id)];
        return i == 0 ? nullptr : &fields_[i - 1U];
    }
    const HeaderField* next(const HeaderField& field) const {
        return field.next == 0 ? nullptr : &fields_[field.next - 1U];
    }
    std::string_view value(HeaderId id) const;  // of the first; "" when absent
    // By name, for those without an id.
    const HeaderField* find(std::string_view name) const;

    // All elements of all fields of that id, in order: commas split, quotes, <> and comments heeded.
    class ValueRange;
    ValueRange values(HeaderId id) const;
    // Is `token` among the elements? For Require, Supported, Allow, Privacy, ... ASCII case ignored, except
    // for Allow, whose methods are case-sensitive.
    bool lists(HeaderId id, std::string_view token) const;

    const Via& top_via() const { return via_; }
    const NameAddr& from() const { return from_; }
    const NameAddr& to() const { return to_; }
    std::string_view from_tag() const { return from_tag_; }
    std::string_view to_tag() const { return to_tag_; }  // "" when there is none
    std::string_view call_id() const { return call_id_; }
    const CSeq& cseq() const { return cseq_; }
    std::optional<std::uint8_t> max_forwards() const { return max_forwards_; }

    std::string_view body() const { return body_; }
    std::string_view bytes() const { return bytes_; }

private:
    static constexpr std::size_t index(HeaderId id) { return static_cast<std::size_t>(id); }
    void reset(std::string_view datagram);
    void fail(Reason reason, std::uint16_t status = 400);  // the first error stays
    void parse_start_line(std::string_view line);
    void parse_request_line(std::string_view line);
    void parse_status_line(std::string_view line);
    bool add_field(const char* begin, const char* end);
    void check_single(HeaderId id, bool required, Reason missing, Reason duplicate);
    void decode();
    void decode_body(std::string_view rest);

    std::string_view bytes_;
    std::string_view body_;
    bool is_request_ = false;
    bool understood_ = false;  // the start line told which of the two
    Method method_ = Method::kOther;
    std::uint16_t status_ = 0;
    std::uint16_t count_ = 0;
    std::string_view method_text_;
    std::string_view reason_;
    Uri uri_;
    Via via_;
    NameAddr from_;
    NameAddr to_;
    std::string_view from_tag_;
    std::string_view to_tag_;
    std::string_view call_id_;
    CSeq cseq_;
    std::optional<std::uint8_t> max_forwards_;
    std::optional<ParseError> error_;
    std::array<std::uint16_t, kHeaderIds> first_{};  // index + 1
    std::array<std::uint16_t, kHeaderIds> last_{};
    std::array<HeaderField, kMaxFields> fields_;
};

class Message::ValueRange {
public:
    class Iterator {
    public:
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        Iterator(const Message* message, const HeaderField* field);
        std::string_view operator*() const { return *element_; }
        Iterator& operator++() {
            ++element_;
            if (element_ == std::default_sentinel) settle();
            return *this;
        }
        void operator++(int) { ++*this; }
        const HeaderField& field() const { return *field_; }
        friend bool operator==(const Iterator& i, std::default_sentinel_t) { return i.field_ == nullptr; }

    private:
        void settle();
        const Message* message_ = nullptr;
        const HeaderField* field_ = nullptr;
        CommaList::Iterator element_;
    };
    ValueRange(const Message* message, HeaderId id) : message_(message), id_(id) {}
    Iterator begin() const { return {message_, message_->find(id_)}; }
    std::default_sentinel_t end() const { return {}; }
    bool empty() const { return begin() == end(); }

private:
    const Message* message_;
    HeaderId id_;
};

inline Message::ValueRange Message::values(HeaderId id) const { return {this, id}; }

}  // namespace sallyport::sip
