#pragma once
// Where the requests of a dialog go.

#include <cstdint>
#include <optional>

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

// Whether a request of a dialog may come from there: the peer's address whatever the port, which a NAT may change, or
// its stream; of a trunk its other peers as well, and where the dialog's requests go, as the peer has said itself.
// `dialog`: nullptr: it is still to be made.
bool may_come(const config::ControlView& view, const transaction::Path& peer, std::optional<std::uint16_t> trunk,
              const dialog::Dialog* dialog, const transaction::Path& from);

}  // namespace sallyport::relay
