#pragma once

#include "platform/config/views.h"

namespace sallyport::scenario {

// The lab's default configuration: access-pbx <-> core-carrier.
config::ControlView default_view();

}  // namespace sallyport::scenario
