#pragma once
// The dataplane as the engine sees it: a table of flows that obeys commands and tells events, in the order that
// platform/wire promises. It checks what the real one checks about generations and transactions.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "platform/wire/flow_records.h"

namespace sallyport::scenario {

class FakeDataplane {
public:
    struct Flow {
        wire::FlowSpec spec;
        std::uint32_t index = 0;
        wire::FlowCounters counters;
    };

    void on_command(const wire::FlowCommand& command);
    // A new session: what was staged is forgotten, the flows stay.
    void new_session();
    // As a dataplane that was started anew.
    void restart();
    // Gives each flow `packets` packets, so that records have something to tell.
    void carry(std::uint64_t packets);
    void idle(bool silent);  // reports it for every flow

    std::deque<wire::FlowEvent> events;  // for the engine, in order
    std::vector<std::string> problems;
    const std::map<std::pair<std::uint16_t, Endpoint>, Flow>& flows() const { return flows_; }
    unsigned removed = 0;
    wire::RejectReason reject = wire::RejectReason::kNone;  // of the next commits

private:
    void commit(std::uint32_t transaction);
    wire::RejectReason check(const wire::FlowCommand& c) const;
    void tell(wire::EventType type, std::uint32_t transaction, const Flow* flow = nullptr);

    std::map<std::pair<std::uint16_t, Endpoint>, Flow> flows_;
    std::map<std::pair<std::uint16_t, Endpoint>, std::uint32_t> last_generation_;
    std::map<std::uint32_t, std::vector<wire::FlowCommand>> staged_;
    std::uint32_t next_index_ = 1;
};

}  // namespace sallyport::scenario
