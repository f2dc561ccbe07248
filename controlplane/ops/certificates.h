#pragma once
// The certificates of the TLS profiles: fetched from the manager, who alone reads the files, and put to use; what is
// in use stays when what comes instead cannot be used. Shown, and warned of before they end.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/net/tls.h"
#include "platform/base/time.h"
#include "platform/config/views.h"
#include "platform/json/json.h"
#include "platform/rpc/message.h"
#include "platform/rpc/pending_calls.h"

namespace sallyport::ops {

class Certificates {
public:
    static constexpr Duration kWarnBefore = std::chrono::days(30);
    static constexpr Duration kLookEvery = std::chrono::hours(12);

    // `tls-material` of the manager (docs/architecture.md); answers later, on the same thread.
    using Fetch = std::function<void(json::Value params, rpc::Done done)>;
    using Use = std::function<void(std::size_t profile, std::shared_ptr<const net::TlsContext>)>;
    // The view outlives it.
    Certificates(const config::ControlView& view, Fetch fetch, Use use);

    // Fetches those of all profiles; what is good is in use from then on. `done` gets what show() gives.
    void load(std::function<Now()> now, std::function<void(json::Value)> done);
    // docs/status-json.md. `error` of a profile: why its last load changed nothing.
    json::Value show(const Now& now) const;
    // One line in the log for each that ends soon, or has ended; at most each kLookEvery.
    void look(const Now& now);
    // Until the first one ends; nullopt: there are none.
    std::optional<std::int64_t> least_days_left(const Now& now) const;

private:
    struct Profile {
        std::shared_ptr<const net::TlsContext> context;
        std::optional<WallTime> loaded;
        std::string error;
    };
    void take(std::size_t profile, const Now& now, const rpc::Outcome& outcome);

    const config::ControlView& view_;
    Fetch fetch_;
    Use use_;
    std::vector<Profile> profiles_;
    Instant next_look_ = Instant::min();
    // A load outlives us when the process ends meanwhile.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sallyport::ops
