#pragma once
// Bytes of a peer in, a Session or an error out. Bounded in size, lines, m-lines and attributes; lines may
// end in CRLF, LF or CR (RFC 8866 §5 asks for tolerance), empty lines at the end are ignored. Lenient where
// a relay need not care: s= and t= may be missing, the order of lines inside a section is free, lines of an
// unknown type are skipped. Strict where a wrong guess would misdirect media: v=0 first, o= present, m=
// and c= well formed, a c= for every m-line with a port.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "media/sdp/session.h"

namespace sallyport::sdp {

inline constexpr std::size_t kMaxBytes = 32 * 1024;
inline constexpr std::size_t kMaxLines = 1024;
inline constexpr std::size_t kMaxMedia = 16;
inline constexpr std::size_t kMaxFormats = 64;

struct ParseError {
    std::uint32_t line = 0;    // from 1; 0: the description as a whole
    std::string what;          // "m= port is not a number"; holds nothing of the peer's text
    std::string text() const;  // "line 5: m= port is not a number"
};

std::expected<Session, ParseError> parse(std::string_view text);
// What write() made of a Session that parse() gave or that was rebuilt from one (media/offer_answer/rebuild.h): the
// same, but for lines that the peer left out or ended with one byte. A description at the peer's bounds is beyond them
// then: these are twice as far.
std::expected<Session, ParseError> parse_written(std::string_view text);

}  // namespace sallyport::sdp
