#pragma once
// Addresses of one side written for the other: the user stays, the host is replaced, parameters pass by list.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/policy/hidden_names.h"
#include "controlplane/sip/headers.h"
#include "controlplane/sip/uri.h"
#include "platform/base/ip_address.h"

namespace sallyport::policy {

inline constexpr std::string_view kAnonymousUri = "sip:anonymous@anonymous.invalid";

struct AddressRewrite {
    Endpoint host;            // what every host becomes
    bool tel_as_sip = false;  // a Request-URI of a SIP peer (RFC 3261 §19.1.6)
    bool keep_user = false;   // the called number: kept whatever it holds
    bool keep_sips = false;   // the host is reached over TLS (RFC 5630); else sips becomes sip
    bool anonymous_uri = false;
    bool anonymous_display = false;
    bool history_headers = false;  // Reason and Privacy among the URI's headers pass (RFC 7044 §10.2)
    std::string_view params;       // header parameters that pass, separated by spaces
};

// False, with `out` unchanged, when the URI cannot cross: a scheme that is none of sip, sips, tel and urn.
bool append_uri(std::string& out, const sip::Uri& uri, const AddressRewrite& rewrite, const HiddenNames& hidden);

// `"Alice" <sip:100@192.0.2.1>;reason=busy`. False, with `out` unchanged: the element cannot cross.
bool append_rewritten(std::string& out, const sip::NameAddr& address, const AddressRewrite& rewrite,
                      const HiddenNames& hidden);
// The same by itself.
std::optional<std::string> rewritten_address(const sip::NameAddr& address, const AddressRewrite& rewrite,
                                             const HiddenNames& hidden);

// True when `word` is one of the words of `list`, ASCII case ignored.
bool in_word_list(std::string_view list, std::string_view word);

}  // namespace sallyport::policy
