#include "dataplane/flow/watch.h"

#include <algorithm>

namespace sallyport::flow {

bool FlowWatch::turn(std::uint64_t now_ns, EventSink& events) {
    const auto end = std::min(next_ + kPerTurn, table_.flows_end());
    for (; next_ < end; ++next_) {
        if (table_.info(next_).installed) {
            look(next_, now_ns, events);
        } else if (published_[next_]) {
            page_.clear_flow(next_);
            published_[next_] = false;
        }
    }
    if (next_ < table_.flows_end()) return false;
    next_ = 0;
    return true;
}

void FlowWatch::look(std::uint32_t flow, std::uint64_t now_ns, EventSink& events) {
    auto& info = table_.info(flow);
    const auto counters = table_.counters(flow);
    publish(flow, counters);

    if (const auto learned = table_.latch(flow);
        learned.address != 0 && learned.pack() != info.latch_reported && events.room() > 0) {
        info.latch_reported = learned.pack();
        events.push(table_.describe(flow, wire::EventType::kLatched));
    }
    if (info.spec.idle_ms() == 0 || (info.spec.flags() & wire::kFlowReportIdle) == 0) {
        info.idle_reported = false;
        return;
    }
    const auto heard = std::max(counters.last_packet_ns, info.installed_ns);
    const bool idle = now_ns > heard && now_ns - heard >= std::uint64_t{info.spec.idle_ms()} * 1'000'000;
    if (idle == info.idle_reported || events.room() == 0) return;
    info.idle_reported = idle;
    events.push(table_.describe(flow, idle ? wire::EventType::kIdle : wire::EventType::kActive));
}

void FlowWatch::publish(std::uint32_t flow, const wire::FlowCounters& counters) {
    const auto& spec = table_.info(flow).spec;
    page_.set_flow(flow,
                   {.key = spec.key(), .call = spec.call(), .counters = counters, .generation = spec.generation()});
    published_[flow] = true;
}

}  // namespace sallyport::flow
