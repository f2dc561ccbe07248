#pragma once
// Room for byte strings of very different length in one mapped file: slabs, each cut into cells of one size.
//
// A slab is cut when the first cell of its size is wanted, and says so in its header. When all of its cells are free
// again its memory goes back, unless it is the only such one of a common size, and it may be cut for another size.
// Sizes grow by an eighth where most saves are, by a third to a half above, so that a cell is seldom half empty. What
// the cells hold is their users' business; here is only where they are and which are free. A slab's pages are reserved
// when it is cut, because a full file system would otherwise end the process with SIGBUS in the middle of a write.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace sallyport::store {

class CellSpace {
public:
    static constexpr std::array<std::uint32_t, 24> kSizes{512,   640,   768,   896,   1024,  1152,  1280,  1536,
                                                          1792,  2048,  2560,  3072,  3584,  4096,  6144,  8192,
                                                          12288, 16384, 24576, 32768, 49152, 65536, 98304, 131072};
    static constexpr std::size_t kSlabHeaderBytes = 64;
    static constexpr std::size_t kSlabBytes = kSlabHeaderBytes + std::size_t{256} * 1024;

    // A cell: its place in the memory.
    struct Cell {
        std::size_t at = 0;
        std::uint32_t bytes = 0;
    };

    // Of ranges of `memory`.
    struct Pages {
        std::function<bool(std::size_t at, std::size_t bytes)> written;    // false: a hole, which costs memory to read
        std::function<bool(std::size_t at, std::size_t bytes)> reserve;    // can be written from now on; or not: false
        std::function<void(std::size_t at, std::size_t bytes)> give_back;  // reads as zero afterwards
    };
    // `memory`: whole slabs.
    CellSpace(std::span<std::byte> memory, Pages pages);

    // At the start, in any order: every cell of the slabs that were cut before, and for each whether it is in use.
    // What a damaged slab header says is not believed: the slab is cut anew.
    void visit(const std::function<bool(const Cell&)>& in_use);

    // nullopt: no room.
    std::optional<Cell> take(std::size_t bytes);
    void give_back(const Cell& cell);
    std::byte* data(const Cell& cell) const { return memory_.data() + cell.at; }

private:
    struct Slab {
        std::uint32_t cell_bytes = 0;  // 0: not cut
        std::uint32_t used = 0;
        std::vector<std::uint16_t> free;  // cells; the last is taken next
    };

    static std::size_t size_class(std::size_t bytes);
    std::uint32_t stated_size(std::size_t slab) const;
    bool cut(std::size_t slab, std::uint32_t cell_bytes);
    void uncut(std::size_t slab);

    std::span<std::byte> memory_;
    Pages pages_;
    std::vector<Slab> slabs_;
    std::vector<std::uint32_t> uncut_;                                 // the last is cut next
    std::array<std::uint32_t, kSizes.size()> empty_{};                 // slabs that are cut and have no cell in use
    std::array<std::vector<std::uint32_t>, kSizes.size()> with_room_;  // slabs by size; may name some that have none
};

}  // namespace sallyport::store
