#include "platform/base/node_pool.h"

#include <string>
#include <unordered_map>

#include <CppUTest/TestHarness.h>

namespace sallyport {

TEST_GROUP(NodePool) {};

TEST(NodePool, gives_out_first_what_came_back_last_and_keeps_no_more_than_it_may) {
    NodePool pool(2);
    auto* a = pool.take(64);
    auto* b = pool.take(64);
    auto* c = pool.take(64);
    auto* other = pool.take(32);
    pool.give(a, 64);
    pool.give(b, 64);
    pool.give(c, 64);
    pool.give(other, 32);  // of another size
    LONGS_EQUAL(2, pool.kept());
    CHECK(pool.take(64) == b);
    CHECK(pool.take(64) == a);
    LONGS_EQUAL(0, pool.kept());
    pool.give(a, 64);
    pool.give(b, 64);
}

TEST(NodePool, serves_a_map) {
    using Value = std::pair<const int, std::string>;
    NodePool pool(8);
    std::unordered_map<int, std::string, std::hash<int>, std::equal_to<>, NodeAllocator<Value>> map{
        NodeAllocator<Value>(pool)};
    for (int i = 0; i < 20; ++i) map.emplace(i, std::string(40, static_cast<char>('a' + i)));
    for (int i = 0; i < 15; ++i) map.erase(i);
    LONGS_EQUAL(8, pool.kept());
    map.emplace(3, "three");
    LONGS_EQUAL(7, pool.kept());
    LONGS_EQUAL(6, map.size());
    CHECK(map.at(19) == std::string(40, static_cast<char>('a' + 19)));
}

}  // namespace sallyport
