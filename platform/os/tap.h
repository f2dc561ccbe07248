#pragma once
// Exception TAPs: the kernel's end of an interface whose port belongs to the dataplane. Frames with Ethernet
// header, no packet information (IFF_NO_PI), one queue, non-blocking.

#include <string>

#include "platform/os/result.h"
#include "platform/os/unique_fd.h"

namespace sallyport::os {

// Makes the TAP, or attaches to the one of that name (at most 15 characters), and makes it persistent: it keeps
// its addresses when nobody holds it. Fails while another process is attached.
Result<UniqueFd> open_tap(const std::string& name);
// Removes a persistent TAP that nobody holds. Removing one that does not exist is success.
Result<void> remove_tap(const std::string& name);
// The TAP that `fd` is attached to; empty when it is gone.
std::string tap_name(int fd);
// Throws away the frames that wait to be read.
void drain_tap(int fd);

}  // namespace sallyport::os
