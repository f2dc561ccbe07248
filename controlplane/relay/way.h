#pragma once
// Where the requests of a dialog go.

#include "controlplane/dialog/dialog.h"
#include "controlplane/transaction/path.h"
#include "platform/config/views.h"

namespace sallyport::relay {

// Between trunks as RFC 3261 §12.2.1.1 says; to a source of an open realm, which may sit behind a NAT, back to where
// its messages come from. A stream that leads to the host in question is used for as long as it is there: it need not
// be one that we could have made.
// `secure`: of what was sent to sips:, nothing goes but over TLS.
struct WayOf {
    bool trunk = false;
    bool secure = false;
};
transaction::Path way_to(const config::ControlView& view, const transaction::Path& peer, WayOf side,
                         const dialog::Dialog& dialog);

}  // namespace sallyport::relay
