#include "controlplane/sip/message_writer.h"

#include <algorithm>
#include <array>

#include "platform/base/digits.h"
#include "platform/base/line_break.h"

namespace sallyport::sip {
namespace {

struct StatusText {
    unsigned status;
    std::string_view reason;
};
constexpr std::array<StatusText, 65> kReasons = {{
    {100, "Trying"},
    {180, "Ringing"},
    {181, "Call Is Being Forwarded"},
    {182, "Queued"},
    {183, "Session Progress"},
    {199, "Early Dialog Terminated"},
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Notification"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Moved Temporarily"},
    {305, "Use Proxy"},
    {380, "Alternative Service"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {412, "Conditional Request Failed"},
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Unsupported URI Scheme"},
    {417, "Unknown Resource-Priority"},
    {420, "Bad Extension"},
    {421, "Extension Required"},
    {422, "Session Interval Too Small"},
    {423, "Interval Too Brief"},
    {424, "Bad Location Information"},
    {428, "Use Identity Header"},
    {430, "Flow Failed"},
    {433, "Anonymity Disallowed"},
    {436, "Bad Identity Info"},
    {437, "Unsupported Credential"},
    {438, "Invalid Identity Header"},
    {439, "First Hop Lacks Outbound Support"},
    {440, "Max-Breadth Exceeded"},
    {469, "Bad Info Package"},
    {480, "Temporarily Unavailable"},
    {481, "Call/Transaction Does Not Exist"},
    {482, "Loop Detected"},
    {483, "Too Many Hops"},
    {484, "Address Incomplete"},
    {485, "Ambiguous"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {488, "Not Acceptable Here"},
    {489, "Bad Event"},
    {491, "Request Pending"},
    {493, "Undecipherable"},
    {494, "Security Agreement Required"},
    {500, "Server Internal Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Server Time-out"},
    {505, "Version Not Supported"},
    {513, "Message Too Large"},
    {580, "Precondition Failure"},
}};
constexpr std::array<StatusText, 6> kGlobalReasons = {{
    {600, "Busy Everywhere"},
    {603, "Decline"},
    {604, "Does Not Exist Anywhere"},
    {606, "Not Acceptable"},
    {607, "Unwanted"},
    {608, "Rejected"},
}};

constexpr std::string_view kColon = ": ";
constexpr std::string_view kLineEnd = "\r\n";

char* put(char* at, std::string_view text) { return std::copy(text.begin(), text.end(), at); }

}  // namespace

std::string_view default_reason(unsigned status) {
    for (const auto& r : kReasons)
        if (r.status == status) return r.reason;
    for (const auto& r : kGlobalReasons)
        if (r.status == status) return r.reason;
    return {};
}

void MessageWriter::request(std::string_view method, std::string_view uri) {
    buffer_.clear();
    failed_ = !is_token(method) || uri.empty() || has_lws(uri);
    buffer_ += method;
    buffer_ += ' ';
    buffer_ += uri;
    buffer_ += " SIP/2.0\r\n";
    lines_at_ = buffer_.size();
}

void MessageWriter::response(unsigned status, std::string_view reason) {
    buffer_.clear();
    failed_ = status < 100 || status > 699;
    buffer_ += "SIP/2.0 ";
    buffer_ += Digits(status);
    buffer_ += ' ';
    append_value(reason);
    buffer_ += "\r\n";
    lines_at_ = buffer_.size();
}

void MessageWriter::header(std::string_view name, std::initializer_list<std::string_view> parts) {
    failed_ = failed_ || !is_token(name);
    append_header(name, parts);
}

void MessageWriter::header(HeaderId id, std::initializer_list<std::string_view> parts) {
    const auto name = header_name(id);
    failed_ = failed_ || name.empty();  // that of kOther; all others are tokens
    append_header(name, parts);
}

// Put down as it is and looked at as a whole, for a line break in a value is rare.
void MessageWriter::append_header(std::string_view name, std::initializer_list<std::string_view> parts) {
    const auto begin = buffer_.size();
    const auto value = begin + name.size() + kColon.size();
    auto end = value;
    for (const auto part : parts) end += part.size();
    buffer_.resize_and_overwrite(end + kLineEnd.size(), [&](char* out, std::size_t) {
        char* at = put(put(out + begin, name), kColon);
        for (const auto part : parts) at = put(at, part);
        return put(at, kLineEnd) - out;
    });
    const char* const written = buffer_.data();
    if (find_line_break(written, written + value, written + end) == written + end) return;
    buffer_.resize(value);
    for (const auto part : parts) append_value(part);
    buffer_ += kLineEnd;
}

void MessageWriter::number(std::string_view name, std::uint64_t value) { header(name, Digits(value)); }

void MessageWriter::number(HeaderId id, std::uint64_t value) { header(id, Digits(value)); }

void MessageWriter::copy(const HeaderField& field) {
    buffer_ += field.line;
    buffer_ += "\r\n";
}

void MessageWriter::copy_all(const Message& message, HeaderId id) {
    for (const auto* field = message.find(id); field; field = message.next(*field)) copy(*field);
}

void MessageWriter::copy_line(std::string_view line, std::initializer_list<std::string_view> suffix) {
    buffer_ += line;
    for (const auto part : suffix) append_value(part);
    buffer_ += "\r\n";
}

void MessageWriter::copy_lines(std::string_view lines) {
    if (!lines.empty() && !lines.ends_with("\r\n")) failed_ = true;
    buffer_ += lines;
}

// A fold becomes one SP; any other CR or LF would let the value end its line.
void MessageWriter::append_value(std::string_view text) {
    if (find_line_break(text) == std::string_view::npos) {
        buffer_ += text;
        return;
    }
    for (auto at = find_line_break(text); at != std::string_view::npos; at = find_line_break(text, at + 2)) {
        const auto rest = text.substr(at);
        if (!rest.starts_with("\r\n ") && !rest.starts_with("\r\n\t")) {
            failed_ = true;
            return;
        }
    }
    append_unfolded(buffer_, text);
}

std::string_view MessageWriter::end(std::string_view body) {
    number(HeaderId::kContentLength, body.size());
    buffer_ += "\r\n";
    buffer_ += body;
    if (buffer_.size() > kMaxSize) failed_ = true;
    return failed_ ? std::string_view() : std::string_view(buffer_);
}

std::string_view MessageWriter::finish() { return end({}); }

std::string_view MessageWriter::finish(std::string_view content_type, std::string_view body) {
    header(HeaderId::kContentType, content_type);
    return end(body);
}

}  // namespace sallyport::sip
