// Timers that contradict each other, with what they inherit; limits that would never be reached.

#include "platform/config/meaning.h"

namespace sallyport::config {

namespace {

std::string ms(std::chrono::milliseconds time) { return std::to_string(time.count()); }

// The finding stands at a key that is written there: at the other one when its own value is inherited.
void check_set(const DocTimers& own, const Timers& set, Problems& problems) {
    // RFC 3261 §17.1.2.2: T2 caps an interval that begins with T1.
    if (set.t2 < set.t1 && own.t2)
        problems.push_back({pointer(own.path, "t2-ms"), ms(set.t2) + " is less than t1-ms (" + ms(set.t1) +
                                                            "); the longest interval is not below the first"});
    else if (set.t2 < set.t1 && own.t1)
        problems.push_back({pointer(own.path, "t1-ms"), ms(set.t1) + " is more than t2-ms (" + ms(set.t2) +
                                                            "); the first interval is not above the longest"});
    // Repetitions after 1, 3 and 7 times T1: a timer below that would take one lost datagram for a dead peer.
    constexpr int kLeast = 4;
    if (set.timer_b.count() == 0 || set.timer_b >= kLeast * set.t1) return;
    const std::string words =
        "; a request is given up after two repetitions at the earliest, at " + ms(kLeast * set.t1);
    if (own.timer_b)
        problems.push_back({pointer(own.path, "timer-b-ms"),
                            ms(set.timer_b) + " is less than 4 times t1-ms (" + ms(set.t1) + ")" + words});
    else if (own.t1)
        problems.push_back({pointer(own.path, "t1-ms"),
                            "4 times " + ms(set.t1) + " is more than timer-b-ms (" + ms(set.timer_b) + ")" + words});
}

void check_below(const DocLimits& own, const char* key, std::uint32_t value, const char* all, std::uint32_t of_all,
                 Problems& problems) {
    if (value == 0 || of_all == 0 || value <= of_all) return;
    problems.push_back({pointer(own.path, key), std::to_string(value) + " is more than " + all + " (" +
                                                    std::to_string(of_all) +
                                                    "), which is reached before; write less, or leave it out"});
}

void check_one(const DocLimits& own, Problems& problems) {
    const auto& l = own.limits;
    check_below(own, "max-calls-in", l.max_calls_in, "max-calls", l.max_calls, problems);
    check_below(own, "max-calls-out", l.max_calls_out, "max-calls", l.max_calls, problems);
    check_below(own, "calls-per-second-in", l.calls_per_second_in, "calls-per-second", l.calls_per_second, problems);
    check_below(own, "calls-per-second-out", l.calls_per_second_out, "calls-per-second", l.calls_per_second, problems);
    if (l.burst != 0 && l.calls_per_second == 0 && l.calls_per_second_in == 0 && l.calls_per_second_out == 0)
        problems.push_back({pointer(own.path, "burst"), "has no effect without \"calls-per-second\""});
}

}  // namespace

void check_timers(const Document& d, Problems& problems) {
    check_set(d.timers, d.signalling, problems);
    for (const DocRealm& r : d.realms) check_set(r.timers, r.timers.over(d.signalling), problems);
    for (std::size_t i = 0; i < d.trunks.size(); ++i) {
        const auto realm = realm_of_trunk(d, i);
        if (!realm) continue;
        const auto& timers = d.trunks[i].timers;
        check_set(timers, timers.over(d.realms[*realm].timers.over(d.signalling)), problems);
    }
}

void check_limits(const Document& d, Problems& problems) {
    for (const DocRealm& r : d.realms) check_one(r.limits, problems);
    for (const DocTrunk& t : d.trunks) check_one(t.limits, problems);
}

}  // namespace sallyport::config
