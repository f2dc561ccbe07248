#pragma once
// The body of a request that is no call, or of a response to it: it crosses byte by byte, for it is the users' own.

#include <cstddef>
#include <string_view>

#include "controlplane/policy/hidden_names.h"
#include "controlplane/sip/message.h"
#include "controlplane/sip/message_writer.h"

namespace sallyport::relay {

// A list of presences or of dialogs is the longest that there is; a message of text has a thousandth of it.
inline constexpr std::size_t kMaxBody = std::size_t{32} * 1024;

struct Content {
    std::string_view body{};
    unsigned status = 0;  // 0: it crosses; else what a request with it gets: 413, 415, 400
    std::string_view reason{};
};

// Those of OPTIONS stay here: what they describe is one side's. So does a session description wherever it stands
// alone, for its addresses are those of one side, and so does a body whose type or encoding cannot be told there.
Content content_of(const sip::Message& message, const policy::HiddenNames& hidden);

}  // namespace sallyport::relay
