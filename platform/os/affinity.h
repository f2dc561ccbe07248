#pragma once
// Which cores a thread runs on.

#include <span>
#include <vector>

#include "platform/os/result.h"

namespace sallyport::os {

// Cores that this process may use now, ascending.
std::vector<int> allowed_cores();
Result<void> bind_this_thread(std::span<const int> cores);
// For the debugger and `top -H`: at most 15 characters are kept.
void name_this_thread(const char* name);

}  // namespace sallyport::os
