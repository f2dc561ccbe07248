#pragma once
// Looks after the installed flows, some in each turn: tells what was learned, who fell silent and who is
// heard again, and brings the counters page up to date. Workers report nothing: they count, and this looks.

#include <cstdint>

#include "dataplane/flow/table.h"
#include "platform/wire/counters_page.h"

namespace sallyport::flow {

class FlowWatch {
public:
    static constexpr std::uint32_t kPerTurn = 2048;

    FlowWatch(FlowTable& table, wire::CountersWriter& page) : table_(table), page_(page) {}

    // Looks at up to kPerTurn indices, from where it stopped. True when it has come round. An event waits in
    // the flow, not in a queue: without room it is told on a later round.
    bool turn(std::uint64_t now_ns, EventSink& events);

private:
    void look(std::uint32_t flow, std::uint64_t now_ns, EventSink& events);
    void publish(std::uint32_t flow, const wire::FlowCounters& counters);

    FlowTable& table_;
    wire::CountersWriter& page_;
    std::uint32_t next_ = 0;
    std::vector<bool> published_ = std::vector<bool>(table_.max_flows());
};

}  // namespace sallyport::flow
