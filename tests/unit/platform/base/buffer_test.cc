#include "platform/base/buffer.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;

TEST_GROUP(Buffer) {};

TEST(Buffer, memory_is_kept_up_to_a_size_and_given_back_beyond) {
    std::string buffer(1000, 'a');
    const char* memory = buffer.data();
    clear_buffer(buffer, 1000);
    CHECK(buffer.empty());
    buffer.assign(1000, 'b');
    POINTERS_EQUAL(memory, buffer.data());
    buffer.assign(1001, 'c');
    clear_buffer(buffer, 1000);
    CHECK(buffer.empty());
    CHECK(buffer.capacity() < 100);
}
