#pragma once
// Best of several rounds: on a shared machine the least disturbed one tells most.

#include <algorithm>
#include <chrono>
#include <limits>

namespace sallyport::bench {

// Nanoseconds a call of `work` takes.
template <typename Work>
double best_ns(int rounds, int calls, Work&& work) {
    double best = std::numeric_limits<double>::max();
    for (int round = 0; round < rounds; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < calls; ++i) work();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / calls);
    }
    return best;
}

// Keeps the compiler from leaving out what nobody looks at.
template <typename T>
void keep(const T& value) {
    asm volatile("" : : "r,m"(value) : "memory");
}

}  // namespace sallyport::bench
