#include "controlplane/store/cell_space.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sallyport::store {

CellSpace::CellSpace(std::span<std::byte> memory, Pages pages)
    : memory_(memory), pages_(std::move(pages)), slabs_(memory.size() / kSlabBytes) {}

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
        Slab& slab = slabs_[s];
        slab.cell_bytes = bytes;
        const auto cells = static_cast<std::uint16_t>((kSlabBytes - kSlabHeaderBytes) / bytes);
        for (std::uint16_t i = cells; i-- > 0;) {
            if (in_use({s * kSlabBytes + kSlabHeaderBytes + std::size_t{i} * bytes, bytes}))
                ++slab.used;
            else
                slab.free.push_back(i);
        }
        if (slab.used == 0)
            uncut(s);
        else if (!slab.free.empty())
            with_room_[size_class(bytes)].push_back(static_cast<std::uint32_t>(s));
    }
    uncut_.clear();
    for (std::size_t s = slabs_.size(); s-- > 0;)
        if (slabs_[s].cell_bytes == 0) uncut_.push_back(static_cast<std::uint32_t>(s));
}

bool CellSpace::cut(std::size_t index, std::uint32_t cell_bytes) {
    if (!pages_.reserve(index * kSlabBytes, kSlabBytes)) return false;
    std::memcpy(memory_.data() + index * kSlabBytes, &cell_bytes, sizeof(cell_bytes));
    Slab& slab = slabs_[index];
    slab.cell_bytes = cell_bytes;
    for (auto i = static_cast<std::uint16_t>((kSlabBytes - kSlabHeaderBytes) / cell_bytes); i-- > 0;)
        slab.free.push_back(i);
    return true;
}

void CellSpace::uncut(std::size_t index) {
    // Zero first: cells of the old size must not be found in those of the next one, should the pages stay.
    std::memset(memory_.data() + index * kSlabBytes, 0, kSlabBytes);
    pages_.give_back(index * kSlabBytes, kSlabBytes);
    slabs_[index] = {};
    uncut_.push_back(static_cast<std::uint32_t>(index));
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
        if (uncut_.empty() || !cut(uncut_.back(), cell_bytes)) return std::nullopt;
        room.push_back(uncut_.back());
        uncut_.pop_back();
        ++empty_[number];
    }
    const std::size_t index = room.back();
    Slab& slab = slabs_[index];
    const auto cell = slab.free.back();
    slab.free.pop_back();
    if (slab.used++ == 0) --empty_[number];
    return Cell{index * kSlabBytes + kSlabHeaderBytes + std::size_t{cell} * cell_bytes, cell_bytes};
}

void CellSpace::give_back(const Cell& cell) {
    const auto index = cell.at / kSlabBytes;
    const auto number = size_class(cell.bytes);
    Slab& slab = slabs_[index];
    if (slab.free.empty()) with_room_[number].push_back(static_cast<std::uint32_t>(index));
    slab.free.push_back(static_cast<std::uint16_t>((cell.at % kSlabBytes - kSlabHeaderBytes) / cell.bytes));
    if (--slab.used != 0) return;
    // Of sizes in common use one empty slab is kept, so that calls which come and go do not cut and uncut.
    constexpr std::uint32_t kCommon = 8192;
    if (empty_[number] == 0 && cell.bytes <= kCommon)
        ++empty_[number];
    else
        uncut(index);
}

}  // namespace sallyport::store
