#pragma once
// Where a URI is divided, found in one pass over its bytes.

#include <string_view>

#include "controlplane/sip/chars.h"
#include "platform/base/byte_scan.h"

namespace sallyport::sip {

// nullptr: not there. What stands before a sip URI's '@' is userinfo, with ';' and '?' in it at will (RFC 4475
// §3.1.1.9, semiuri): those that count are those after it.
struct UriMarks {
    const char* scheme_end = nullptr;  // the first ':'
    const char* password = nullptr;    // ':' in userinfo
    const char* at = nullptr;          // the first '@'
    const char* colon = nullptr;       // the first ':' after the '@', or after scheme_end when there is no '@'
    const char* semicolon = nullptr;
    const char* question = nullptr;
    bool forbidden = false;  // white space, a control, a delimiter, half an escape: may stand nowhere in a URI
};

class UriMarker {
public:
    explicit UriMarker(std::string_view text) : end_(end_of(text)) { run(begin_of(text)); }
    const UriMarks& marks() const { return marks_; }

private:
    void run(const char* at) {
#ifdef __SSE2__
        if (end_ - at >= kScanBlock) {
            const char* const last = end_ - kScanBlock;
            for (; at <= last; at += kScanBlock) block(at, at);
            if (at != end_) block(last, at);
            return;
        }
#endif
        for (; at != end_; ++at)
            if (chars::is(*at, chars::kUriMark | chars::kUriForbidden)) mark(at);
    }

#ifdef __SSE2__
    // Sixteen bytes, of which those before `from` are known.
    void block(const char* begin, const char* from) {
        // All marks and all that is forbidden, told by few comparisons; what else these take in, mark() lets pass.
        const auto bytes = scan_block(begin);
        const auto special = _mm_or_si128(_mm_or_si128(at_most<'%'>(bytes), equal_to_any<'\x7f'>(bytes)),
                                          at_most<'@' - ':'>(_mm_sub_epi8(bytes, _mm_set1_epi8(':'))));
        auto bits = scan_bits(special) >> (from - begin);
        for (; bits != 0; bits &= bits - 1) mark(from + static_cast<unsigned>(std::countr_zero(bits)));
    }
#endif

    void mark(const char* at) {
        const auto first = [at](const char*& place) {
            if (place == nullptr) place = at;
        };
        const char c = *at;
        if (c == ':') {
            first(marks_.scheme_end == nullptr ? marks_.scheme_end : marks_.colon);
        } else if (c == ';') {
            first(marks_.semicolon);
        } else if (c == '@') {
            if (marks_.at != nullptr || marks_.scheme_end == nullptr) return;
            marks_.at = at;
            marks_.password = marks_.colon;
            marks_.colon = marks_.semicolon = marks_.question = nullptr;
        } else if (c == '?') {
            first(marks_.question);
        } else if (c == '%') {  // and two digits (RFC 3261 §25.1 escaped)
            if (end_ - at < 3 || !chars::is(at[1], chars::kHex) || !chars::is(at[2], chars::kHex))
                marks_.forbidden = true;
        } else {
            marks_.forbidden |= chars::is(c, chars::kUriForbidden);
        }
    }

    const char* end_;
    UriMarks marks_;
};

inline UriMarks find_uri_marks(std::string_view text) { return UriMarker(text).marks(); }

}  // namespace sallyport::sip
