#include "platform/base/sparse_array.h"

#include <sys/mman.h>

#include <cstdint>
#include <utility>
#include <vector>

#include <CppUTest/TestHarness.h>

using namespace sallyport;

namespace {

// Pages that have memory.
std::size_t resident(void* at, std::size_t bytes) {
    std::vector<unsigned char> pages((bytes + 4095) / 4096);
    if (::mincore(at, bytes, pages.data()) != 0) return SIZE_MAX;
    std::size_t count = 0;
    for (const auto page : pages) count += page & 1U;
    return count;
}

}  // namespace

TEST_GROUP(SparseArray) {};

TEST(SparseArray, is_zero_and_takes_memory_only_where_it_is_written) {
    constexpr std::size_t kSize = std::size_t{1} << 20;
    SparseArray<std::uint64_t> array(kSize);
    LONGS_EQUAL(kSize, array.size());
    LONGS_EQUAL(0, resident(&array[0], kSize * 8));
    array[3] = 7;
    LONGS_EQUAL(1, resident(&array[0], kSize * 8));
    LONGS_EQUAL(7, array[3]);
    LONGS_EQUAL(0, array[4]);
    LONGS_EQUAL(0, array[kSize - 1]);
}

TEST(SparseArray, moves_with_its_content) {
    SparseArray<std::uint64_t> from(10);
    from[9] = 5;
    const SparseArray<std::uint64_t> to(std::move(from));
    LONGS_EQUAL(5, to[9]);
    const SparseArray<std::uint64_t> none(0);
    LONGS_EQUAL(0, none.size());
}
