#pragma once
// A description as it is kept for the length of a call, at a third of its length: lines that nearly every description
// has are a byte, and so are those that stand in another one that is kept beside it.
//
//   first byte of a line   what follows
//   0x01-0x1f (not 0x0a)   nothing: a usual line, by the table in line_code.cc
//   0x30-0x3f              the rest of a line that begins as the table says, then 0x0a; 0x3f: as `origin` says
//   0x80-0xbf              nothing: the line of `reference` with this number
//   other                  the line, with this byte, then 0x0a
//
// A text that is no such lines, each with CRLF at its end, follows a single 0x00 as it is. So every text has a code.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::sdp {

// Both sides have the same.
struct LineContext {
    std::string_view reference;  // a text; "": none
    std::string_view origin;     // how the o= line may begin; "": it is not known
};

std::string encode_lines(std::string_view text, const LineContext& context);
// The same to `out`, where there is room for one byte more than the text has. Gives its length.
std::size_t encode_lines(std::string_view text, const LineContext& context, char* out);
// nullopt: `code` is none, or of a text longer than any that a datagram brings.
std::optional<std::string> decode_lines(std::string_view code, const LineContext& context);

}  // namespace sallyport::sdp
