#pragma once
// What an address means by the range that it is in, beyond what IpAddress itself says, and the network of a prefix.

#include "platform/base/ip_address.h"

namespace sallyport {

bool is_link_local(const IpAddress& a);  // 169.254.0.0/16, fe80::/10: means nothing without its link
bool is_v4_mapped(const IpAddress& a);   // ::ffff:0:0/96 (RFC 4291 §2.5.5.2)

IpAddress network_of(const IpPrefix& prefix);  // the address without the bits of the host

}  // namespace sallyport
