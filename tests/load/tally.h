#pragma once
// What a load run counts: calls by their end, messages, and the time from INVITE to 2xx.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "platform/base/time.h"

namespace sallyport::load {

// Times in buckets of 1/16 of their power of two: 6 % resolution from 1 ns to hours, a fixed size.
class Histogram {
public:
    void add(Duration value) {
        const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 1));
        ++buckets_[index(ns)];
        ++count_;
        max_ = std::max(max_, ns);
    }
    std::uint64_t count() const { return count_; }
    double max_us() const { return static_cast<double>(max_) / 1000.0; }
    // The upper end of the bucket in which the share (0..1) is reached.
    double quantile_us(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets_.size(); ++i) {
            seen += buckets_[i];
            if (count_ > 0 && seen > wanted) return static_cast<double>(upper(i)) / 1000.0;
        }
        return max_us();
    }

private:
    static constexpr std::size_t kSub = 16;
    static std::size_t index(std::uint64_t ns) {
        if (ns < kSub) return ns;
        const auto exponent = static_cast<std::size_t>(std::bit_width(ns)) - 5;
        return exponent * kSub + (ns >> exponent);
    }
    static std::uint64_t upper(std::size_t index) {
        if (index < 2 * kSub) return index + 1;
        const auto exponent = index / kSub - 1;
        return (index % kSub + kSub + 1) << exponent;
    }

    std::array<std::uint64_t, 64 * kSub> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

struct Tally {
    std::uint64_t started = 0;
    std::uint64_t answered = 0;
    std::uint64_t ended = 0;    // as their scenario wants it
    std::uint64_t refused = 0;  // a final response that the scenario does not want; by code below
    std::uint64_t timed_out = 0;
    std::uint64_t unpaced = 0;  // calls that the generator itself was too late for: not started
    std::uint64_t retransmitted = 0;
    std::uint64_t requests_in = 0;
    std::uint64_t responses_in = 0;
    std::uint64_t sent = 0;
    std::uint64_t send_failed = 0;
    std::uint64_t stray = 0;     // of no call that we know
    std::uint64_t mistakes = 0;  // what no right element sends: wrong method, unreadable
    std::uint64_t retry_after = 0;
    std::map<unsigned, std::uint64_t> codes;      // of `refused`
    std::map<std::string, std::uint64_t> played;  // ended, by scenario
    Histogram setup;                              // INVITE to 2xx
    Histogram refusal;                            // INVITE to a final failure
    std::vector<std::uint32_t> ended_by_second;   // since the start
};

}  // namespace sallyport::load
