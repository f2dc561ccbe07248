#pragma once
// Which addresses and ports are ours for media, by the manager's view alone: (interface, address, port) ->
// cell. An array lookup: an interface has few media addresses, each with a table of its pool's ports.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/flow/rule.h"
#include "platform/base/fixed_array.h"

namespace sallyport::flow {

struct RealmConfig {
    std::uint16_t interface = 0;
    std::vector<std::uint32_t> addresses;
    std::uint16_t first_port = 0;
    std::uint16_t last_port = 0;  // inclusive
    // The widest rule for a source that a command may ask for.
    wire::SourceRule latching = wire::SourceRule::kAddress;
    std::uint8_t latching_prefix = 32;
};

struct OwnAddress {
    std::uint16_t interface = 0;
    std::uint32_t address = 0;
    std::uint8_t length = 32;  // of the network: its broadcast address is no peer's
};

struct FlowConfig {
    std::vector<RealmConfig> realms;        // index == FlowKey::realm
    std::vector<OwnAddress> own_addresses;  // of the interfaces, beside the realms' media addresses
    std::uint32_t max_flows = 0;
    std::uint32_t workers = 1;
};

class MediaPorts {
    struct Table;

public:
    // The media ports of one interface.
    class Pools {
    public:
        Pools() = default;
        Pools(const Table* begin, const Table* end) : begin_(begin), end_(end) {}
        // Null: none of its media ports.
        FlowCell* find(std::uint32_t address, std::uint16_t port) const {
            for (const auto& table : *this)
                if (const auto at = static_cast<std::uint32_t>(port) - table.first;
                    at < table.count && table.address == address)
                    return table.cells + at;
            return nullptr;
        }
        const Table* begin() const { return begin_; }
        const Table* end() const { return end_; }

    private:
        const Table* begin_ = nullptr;
        const Table* end_ = nullptr;
    };

    explicit MediaPorts(const FlowConfig& config);

    // kNoCell: no media port of this interface.
    std::uint32_t find(std::uint16_t interface, std::uint32_t address, std::uint16_t port) const {
        const auto* found = pools_of(interface).find(address, port);
        return found == nullptr ? kNoCell : static_cast<std::uint32_t>(found - cells_.begin());
    }
    Pools pools_of(std::uint16_t interface) const {
        return interface < by_interface_.size() ? by_interface_[interface] : Pools{};
    }
    // Of any interface but this one: media that came in at the wrong place. Never for an address of this interface:
    // VLANs may have overlapping plans.
    bool elsewhere(std::uint16_t interface, std::uint32_t address, std::uint16_t port) const;

    enum class Ownership : std::uint8_t { kOwned, kForeignAddress, kPortOutsidePool };
    Ownership check(std::uint16_t realm, std::uint32_t address, std::uint16_t port) const;
    // A media or interface address of the interface, or the broadcast address of its network.
    bool is_own(std::uint16_t interface, std::uint32_t address) const;

    std::uint16_t realms() const { return static_cast<std::uint16_t>(realms_.size()); }
    const RealmConfig& realm(std::uint16_t index) const { return realms_[index]; }
    FlowCell& cell(std::uint32_t index) { return cells_[index]; }
    const FlowCell& cell(std::uint32_t index) const { return cells_[index]; }
    FixedView<FlowCell> all_cells() { return cells_.view(); }
    std::uint32_t cells() const { return static_cast<std::uint32_t>(cells_.size()); }

private:
    struct Table {
        std::uint32_t address = 0;
        std::uint16_t first = 0;
        std::uint32_t count = 0;    // of ports and of cells
        FlowCell* cells = nullptr;  // in cells_
    };

    std::vector<RealmConfig> realms_;
    std::vector<OwnAddress> own_;
    FixedArray<Table> tables_;  // those of one interface stand together
    FixedArray<Pools> by_interface_;
    FixedArray<FlowCell> cells_;
};

}  // namespace sallyport::flow
