#pragma once
// The least reading of a SIP message that a load generator needs, and no code of the product: what is wrong in
// one is not wrong in the other. Messages come from elements that write plain, unfolded headers; any other is a
// mistake and counted.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::load {

enum class Method : std::uint8_t { kInvite, kAck, kBye, kCancel, kOther };
std::string_view name(Method method);

// Views into the datagram.
struct Scan {
    bool request = false;
    Method method = Method::kOther;  // of a response: that of its CSeq
    unsigned status = 0;
    std::string_view uri;  // of a request
    std::string_view from;
    std::string_view to;
    std::string_view call_id;
    std::uint32_t cseq = 0;
    std::string_view branch;    // of the first Via
    std::string_view contact;   // the URI
    std::string record_routes;  // as lines, in their order
    std::string routes_down;    // as lines "Route: ...", in their order: a callee's route set (RFC 3261 §12.1.1)
    std::string routes_up;      // in reverse order: a caller's (RFC 3261 §12.1.2)
    bool retry_after = false;
    bool has_sdp = false;
    std::string_view via_lines[16];
    std::size_t via_count = 0;
};

// Reuses the strings of `out`. False: no SIP that we read.
bool scan(std::string_view datagram, Scan& out);
bool has_tag(std::string_view value);

}  // namespace sallyport::load
