#pragma once
// What of a failure on one side the other side gets to see.

#include <cstdint>

#include "controlplane/sip/method.h"

namespace sallyport::policy {

// `method`: of the request that failed.
constexpr std::uint16_t passed_status(unsigned status, sip::Method method = sip::Method::kInvite) {
    // A redirection would name hosts of the other side, and this side could not reach them.
    if (status < 400) return 480;
    // A challenge does not cross, for its nonce would be answered by the wrong side (controlplane/policy).
    if (status == 401 || status == 407) return 403;
    // With its Min-Expires (RFC 6665 §4.2.1.1, RFC 3903 §6): the duration is between the users.
    if (status == 423 && (method == sip::Method::kSubscribe || method == sip::Method::kPublish)) return 423;
    // What must come with these does not cross, and is no business of the side that would get it: extensions, session
    // timers and security are those of one leg (RFC 3261 §21.4.15-17, RFC 4028 §6, RFC 3329 §2.3). 500, as
    // for 503, and not 488: that would blame the description.
    for (const unsigned of_a_leg : {420, 421, 422, 423, 494}) {
        if (status == of_a_leg) return 500;
    }
    // 503 would make the caller's side avoid us, though only the next hop is at fault (RFC 3261 §16.7 step 6).
    if (status == 503 || status > 699) return 500;
    return static_cast<std::uint16_t>(status);
}

}  // namespace sallyport::policy
