#pragma once
// Methods. They are case-sensitive (RFC 3261 §7.1): "invite" is an unknown method, not INVITE.

#include <cstdint>
#include <string_view>

namespace sallyport::sip {

enum class Method : std::uint8_t {
    kOther,  // any other token; Message::method_text() has it
    kInvite,
    kAck,
    kBye,
    kCancel,
    kOptions,
    kRegister,
    kPrack,
    kSubscribe,
    kNotify,
    kPublish,
    kInfo,
    kRefer,
    kMessage,
    kUpdate,
};

Method method_of(std::string_view token);
std::string_view method_name(Method method);  // "" for kOther

}  // namespace sallyport::sip
