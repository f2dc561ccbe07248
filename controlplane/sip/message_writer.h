#pragma once
// Writes one message in one pass into a buffer that is kept between messages.
//
//     writer.request("BYE", target);            or  writer.response(180, "Ringing");
//     writer.header("Via", {"SIP/2.0/UDP ", local, ";branch=", branch, ";rport"});
//     writer.copy(field);                       byte by byte as it came, name and folds included
//     writer.number("Max-Forwards", 70);
//     std::string_view bytes = writer.finish();         Content-Length: 0
//     std::string_view bytes = writer.finish("application/sdp", sdp);
//
// Nothing that is written as a value can end its line: a fold in it becomes one SP, any other CR or LF makes
// the message fail, and so does a name or method that is no token, and a message above kMaxSize. A failed
// message finishes as "" (failed() says so): nothing half-right leaves.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "controlplane/sip/header_id.h"
#include "controlplane/sip/message.h"

namespace sallyport::sip {

// A header to be added by somebody else's writer.
struct ExtraHeader {
    std::string_view name;
    std::string_view value;
};

class MessageWriter {
public:
    static constexpr std::size_t kMaxSize = 65507;  // what one UDP datagram over IPv4 carries

    // Both start a new message; what was written before is forgotten.
    void request(std::string_view method, std::string_view uri);
    void response(unsigned status, std::string_view reason);

    void header(std::string_view name, std::string_view value) { header(name, {value}); }
    void header(HeaderId id, std::string_view value) { header(id, {value}); }
    // The parts one after the other, nothing between them.
    void header(std::string_view name, std::initializer_list<std::string_view> parts);
    void header(HeaderId id, std::initializer_list<std::string_view> parts);
    void number(std::string_view name, std::uint64_t value);
    void number(HeaderId id, std::uint64_t value);
    // A field of a parsed message, byte-exact.
    void copy(const HeaderField& field);
    // All fields of that id, byte-exact, in order.
    void copy_all(const Message& message, HeaderId id);
    // A field byte-exact, and something at its end, such as the To tag of a response.
    void copy_line(std::string_view line, std::initializer_list<std::string_view> suffix);
    // Lines that another MessageWriter has made (see lines()), each with its CR LF.
    void copy_lines(std::string_view lines);

    std::string_view finish();
    std::string_view finish(std::string_view content_type, std::string_view body);
    // With a body whose Content-Type has been written already.
    std::string_view finish_as_is(std::string_view body) { return end(body); }

    bool failed() const { return failed_; }
    // What has been written since the start line; to be kept for copy_lines().
    std::string_view lines() const { return std::string_view(buffer_).substr(lines_at_); }

private:
    void append_header(std::string_view name, std::initializer_list<std::string_view> parts);
    void append_value(std::string_view text);
    std::string_view end(std::string_view body);

    std::string buffer_;
    std::size_t lines_at_ = 0;
    bool failed_ = false;
};

// The reason phrase that RFC 3261 §21 and its extensions give a status; "" for an unknown one.
std::string_view default_reason(unsigned status);

}  // namespace sallyport::sip
