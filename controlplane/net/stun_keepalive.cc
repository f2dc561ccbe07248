#include "controlplane/net/stun_keepalive.h"

#include <string_view>

#include "media/stun/binding.h"
#include "media/stun/message.h"

namespace sallyport::net {

bool StunKeepAlive::take(Instant now, const transaction::Path& from, std::span<const std::byte> datagram,
                         transaction::SendQueue& out) {
    if (!stun::begins_as_stun(datagram)) return false;
    answer_.clear();
    const auto answered = stun::answer_binding(datagram, from.remote, answer_);
    if (!answered) {
        ++counters_.unusable;
        return true;
    }
    if (now - second_began_ >= std::chrono::seconds(1)) {
        second_began_ = now;
        in_second_ = 0;
    }
    if (in_second_ >= kMaxPerSecond) {
        ++counters_.too_many;
        return true;
    }
    if (!admits_(from)) {
        ++counters_.strangers;
        return true;
    }
    ++in_second_;
    ++(*answered == stun::Answered::kRefused ? counters_.refused : counters_.answered);
    out.push(from, {reinterpret_cast<const char*>(answer_.data()), answer_.size()});
    return true;
}

}  // namespace sallyport::net
