#pragma once
// Whether the files of TLS profiles are there and fit, before anything is started with them (`sallyport-manager -n`).
// The one place where the manager looks into certificates: when it runs, that is for the process that uses them.

#include <vector>

#include "platform/base/time.h"
#include "platform/config/effective.h"
#include "platform/config/problem.h"

namespace sallyport::manager {

struct TlsFindings {
    config::Problems problems;  // a profile without certificates would come of these
    config::Problems warnings;  // ended, not yet begun, or soon to end
};

// Each stands at its place in the document.
TlsFindings check_tls_files(const std::vector<config::TlsFiles>& profiles, WallTime now);

}  // namespace sallyport::manager
