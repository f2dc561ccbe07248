#pragma once
// The calls of an engine: found by number, and visited oldest first. Owns them.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

#include "controlplane/call/call.h"
#include "platform/base/node_pool.h"

namespace sallyport::call {

class CallList {
public:
    bool contains(std::uint64_t number) const { return by_number_.contains(number); }
    Call* find(std::uint64_t number) const {
        const auto it = by_number_.find(number);
        return it == by_number_.end() ? nullptr : it->second.get();
    }
    // Its number must not be there. Numbers grow: one that comes out of order costs a step for each newer one.
    Call& add(CallPtr call) {
        auto& added = *call;
        auto* older = newest_;
        while (older != nullptr && older->number() > added.number()) older = older->older_;
        added.older_ = older;
        added.newer_ = older == nullptr ? oldest_ : older->newer_;
        link_of_older(added) = &added;
        link_of_newer(added) = &added;
        by_number_.emplace(added.number(), std::move(call));
        return added;
    }
    void erase(std::uint64_t number) {
        const auto it = by_number_.find(number);
        if (it == by_number_.end()) return;
        auto& call = *it->second;
        link_of_older(call) = call.newer_;
        link_of_newer(call) = call.older_;
        by_number_.erase(it);
    }
    std::size_t size() const { return by_number_.size(); }

    class Iterator {
    public:
        explicit Iterator(const Call* call) : call_(call) {}
        const Call& operator*() const { return *call_; }
        Iterator& operator++() {
            call_ = call_->newer_;
            return *this;
        }
        friend bool operator==(const Iterator&, const Iterator&) = default;

    private:
        const Call* call_;
    };
    Iterator begin() const { return Iterator(oldest_); }
    Iterator end() const { return Iterator(nullptr); }

private:
    // What points at the call from the older and from the newer side.
    Call*& link_of_older(Call& call) { return call.older_ == nullptr ? oldest_ : call.older_->newer_; }
    Call*& link_of_newer(Call& call) { return call.newer_ == nullptr ? newest_ : call.newer_->older_; }

    using Node = std::pair<const std::uint64_t, CallPtr>;
    static constexpr std::size_t kMostNodes = 256;
    NodePool nodes_{kMostNodes};
    std::unordered_map<std::uint64_t, CallPtr, std::hash<std::uint64_t>, std::equal_to<>, NodeAllocator<Node>>
        by_number_{NodeAllocator<Node>(nodes_)};
    Call* oldest_ = nullptr;
    Call* newest_ = nullptr;
};

}  // namespace sallyport::call
