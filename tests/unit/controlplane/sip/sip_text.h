#pragma once
// Messages in tests are written with plain line ends; on the wire each is CR LF.

#include <string>
#include <string_view>

namespace sallyport::sip::test {

inline std::string crlf(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

// A request that is right in all its parts, and the same with one piece of text replaced.
constexpr std::string_view kInvite =
    "INVITE sip:bob@192.0.2.1 SIP/2.0\n"
    "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds;rport\n"
    "Max-Forwards: 70\n"
    "From: \"Alice\" <sip:alice@192.0.2.10>;tag=1928301774\n"
    "To: <sip:bob@192.0.2.1>\n"
    "Call-ID: a84b4c76e66710@192.0.2.10\n"
    "CSeq: 314159 INVITE\n"
    "Contact: <sip:alice@192.0.2.10:5060>\n"
    "Content-Length: 0\n"
    "\n";

inline std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
    std::string out(text);
    const auto at = out.find(what);
    if (at == std::string::npos) return "REPLACED TEXT NOT FOUND";
    out.replace(at, what.size(), with);
    return out;
}

inline std::string invite_with(std::string_view what, std::string_view with) {
    return crlf(replaced(kInvite, what, with));
}

}  // namespace sallyport::sip::test
