#include "controlplane/store/cell_space.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sallyport::store {

CellSpace::CellSpace(std::span<std::byte> memory, std::function<bool(std::size_t, std::size_t)> reserve)
    : memory_(memory), reserve_(std::move(reserve)), slabs_(memory.size() / kSlabBytes) {}

std::size_t CellSpace::size_class(std::size_t bytes) {
    return static_cast<std::size_t>(std::ranges::lower_bound(kSizes, bytes) - kSizes.begin());
}

// What the slab's header says, if it can be.
std::uint32_t CellSpace::stated_size(std::size_t slab) const {
    std::uint32_t bytes = 0;
    std::memcpy(&bytes, memory_.data() + slab * kSlabBytes, sizeof(bytes));
    return std::ranges::find(kSizes, bytes) == kSizes.end() ? 0 : bytes;
}

void CellSpace::visit(const std::function<bool(const Cell&)>& in_use) {
    for (std::size_t s = 0; s < slabs_.size(); ++s) {
        const auto bytes = stated_size(s);
        if (bytes == 0) continue;
        never_cut_ = s + 1;
        Slab& slab = slabs_[s];
        slab.cell_bytes = bytes;
        const auto cells = static_cast<std::uint16_t>((kSlabBytes - kSlabHeaderBytes) / bytes);
        for (std::uint16_t i = cells; i-- > 0;) {
            if (in_use({s * kSlabBytes + kSlabHeaderBytes + std::size_t{i} * bytes, bytes}))
                ++slab.used;
            else
                slab.free.push_back(i);
        }
        if (!slab.free.empty()) with_room_[size_class(bytes)].push_back(static_cast<std::uint32_t>(s));
    }
}

// A slab without a cell in use: one that never had any, or else one whose cells are all free.
std::optional<std::size_t> CellSpace::fresh_slab() {
    if (never_cut_ < slabs_.size()) return never_cut_++;
    const auto found = std::ranges::find(slabs_, 0U, &Slab::used);
    if (found == slabs_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - slabs_.begin());
}

bool CellSpace::cut(std::size_t index, std::uint32_t cell_bytes) {
    if (!reserve_(index * kSlabBytes, kSlabBytes)) return false;
    auto* const at = memory_.data() + index * kSlabBytes;
    // Cells of the old size must not be found in those of the new one.
    std::memset(at, 0, kSlabHeaderBytes);
    Slab& slab = slabs_[index];
    if (slab.cell_bytes != 0) std::memset(at + kSlabHeaderBytes, 0, kSlabBytes - kSlabHeaderBytes);
    std::memcpy(at, &cell_bytes, sizeof(cell_bytes));
    slab.cell_bytes = cell_bytes;
    slab.used = 0;
    slab.free.clear();
    for (auto i = static_cast<std::uint16_t>((kSlabBytes - kSlabHeaderBytes) / cell_bytes); i-- > 0;)
        slab.free.push_back(i);
    return true;
}

std::optional<CellSpace::Cell> CellSpace::take(std::size_t bytes) {
    const auto number = size_class(bytes);
    if (number == kSizes.size()) return std::nullopt;
    const auto cell_bytes = kSizes[number];
    auto& room = with_room_[number];
    // Filled since, or cut for another size.
    while (!room.empty() && (slabs_[room.back()].cell_bytes != cell_bytes || slabs_[room.back()].free.empty()))
        room.pop_back();
    if (room.empty()) {
        const auto fresh = fresh_slab();
        if (!fresh || !cut(*fresh, cell_bytes)) return std::nullopt;
        room.push_back(static_cast<std::uint32_t>(*fresh));
    }
    const std::size_t index = room.back();
    Slab& slab = slabs_[index];
    const auto cell = slab.free.back();
    slab.free.pop_back();
    ++slab.used;
    return Cell{index * kSlabBytes + kSlabHeaderBytes + std::size_t{cell} * cell_bytes, cell_bytes};
}

void CellSpace::give_back(const Cell& cell) {
    const auto index = cell.at / kSlabBytes;
    Slab& slab = slabs_[index];
    if (slab.free.empty()) with_room_[size_class(cell.bytes)].push_back(static_cast<std::uint32_t>(index));
    slab.free.push_back(static_cast<std::uint16_t>((cell.at % kSlabBytes - kSlabHeaderBytes) / cell.bytes));
    --slab.used;
}

}  // namespace sallyport::store
