#include "controlplane/sip/uri_marks.h"

#include "controlplane/sip/chars.h"
#include "platform/base/byte_scan.h"

namespace sallyport::sip {
namespace {

class Marker {
public:
    Marker(std::string_view text, UriMarks& marks) : text_(text), marks_(marks) {}

    void run() {
        const char* at = text_.data();
        const char* const end = at + text_.size();
#ifdef __SSE2__
        if (end - at >= kScanBlock) {
            auto forbidden = _mm_setzero_si128();
            for (; end - at >= kScanBlock; at += kScanBlock) block(at, at, forbidden);
            if (at != end) block(end - kScanBlock, at, forbidden);
            marks_.forbidden |= scan_bits(forbidden) != 0;
            at = end;
        }
#endif
        for (; at != end; ++at) {
            marks_.forbidden |= chars::is(*at, chars::kUriForbidden);
            if (chars::is(*at, chars::kUriMark)) mark(at);
        }
    }

private:
#ifdef __SSE2__
    // Sixteen bytes, of which those before `from` are known.
    void block(const char* begin, const char* from, __m128i& forbidden) {
        const auto bytes = scan_block(begin);
        const auto low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x20)), bytes);
        forbidden = _mm_or_si128(forbidden, _mm_or_si128(low, equal_to_any<'<', '>', '"', '\x7f'>(bytes)));
        auto bits = scan_bits(equal_to_any<':', '@', ';', '?', '%'>(bytes)) >> (from - begin);
        for (; bits != 0; bits &= bits - 1) mark(from + std::countr_zero(bits));
    }
#endif

    void mark(const char* at) {
        const auto first = [at](const char*& place) {
            if (place == nullptr) place = at;
        };
        switch (*at) {
            case ':': return first(marks_.scheme_end == nullptr ? marks_.scheme_end : colon_);
            case ';': return first(marks_.semicolon);
            case '?': return first(marks_.question);
            case '@':
                if (marks_.at != nullptr || marks_.scheme_end == nullptr) return;
                marks_.at = at;
                marks_.password = colon_;
                marks_.semicolon = marks_.question = nullptr;
                return;
            default: {  // '%' and two digits (RFC 3261 §25.1 escaped)
                const char* const end = text_.data() + text_.size();
                if (end - at < 3 || !chars::is(at[1], chars::kHex) || !chars::is(at[2], chars::kHex))
                    marks_.forbidden = true;
            }
        }
    }

    std::string_view text_;
    UriMarks& marks_;
    const char* colon_ = nullptr;  // the first after the scheme's
};

}  // namespace

UriMarks find_uri_marks(std::string_view text) {
    UriMarks marks;
    Marker(text, marks).run();
    return marks;
}

}  // namespace sallyport::sip
