#include "media/sdp/session.h"

#include <algorithm>

namespace sallyport::sdp {

const RtpMap* Media::rtpmap(std::uint8_t payload_type) const {
    const auto it = std::ranges::find(rtpmaps, payload_type, &RtpMap::payload_type);
    return it == rtpmaps.end() ? nullptr : &*it;
}

const Fmtp* Media::fmtp(std::string_view format) const {
    const auto it = std::ranges::find(fmtps, format, &Fmtp::format);
    return it == fmtps.end() ? nullptr : &*it;
}

}  // namespace sallyport::sdp
