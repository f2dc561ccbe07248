#include "platform/base/byte_reader.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;

TEST_GROUP(ByteReader) {};

TEST(ByteReader, ReadsWhatTheWriterWrote) {
    std::vector<std::byte> buffer;
    ByteWriter writer(buffer);
    writer.u8(1);
    writer.u16(0x0203);
    writer.u32(0x04050607);
    writer.u64(0x08090a0b0c0d0e0f);
    writer.text("sallyport");
    writer.done();
    LONGS_EQUAL(3, std::to_integer<int>(buffer[2]));  // network byte order
    ByteReader reader(buffer);
    LONGS_EQUAL(1, reader.u8());
    LONGS_EQUAL(0x0203, reader.u16());
    LONGS_EQUAL(0x04050607, reader.u32());
    CHECK_TRUE(reader.u64() == 0x08090a0b0c0d0e0f);
    CHECK_TRUE(reader.text() == "sallyport");
    LONGS_EQUAL(0, reader.left());
    CHECK_FALSE(reader.failed());
}

TEST(ByteReader, AnyTruncationFailsAndStaysFailed) {
    std::vector<std::byte> buffer;
    ByteWriter writer(buffer);
    writer.u32(7);
    writer.text("0123456789");
    writer.done();
    for (std::size_t n = 0; n < buffer.size(); ++n) {
        ByteReader reader{std::span<const std::byte>(buffer).first(n)};
        (void)reader.u32();
        (void)reader.text();
        CHECK_TRUE(reader.failed());
        LONGS_EQUAL(0, reader.u8());
        CHECK_TRUE(reader.failed());
    }
}

TEST(ByteReader, ALengthBeyondTheDataIsRefused) {
    std::vector<std::byte> buffer;
    ByteWriter(buffer).u32(0xFFFFFFFF);
    ByteReader reader(buffer);
    CHECK_TRUE(reader.text().empty());
    CHECK_TRUE(reader.failed());
}

TEST(ByteReader, TheWriterWritesBehindWhatIsThereAndTakesBack) {
    std::vector<std::byte> buffer(3, std::byte{9});
    {
        ByteWriter writer(buffer);
        writer.u8(1);
        writer.done();
        LONGS_EQUAL(4, buffer.size());
        writer.text(std::string(2000, 'x'));
        writer.rewind(4);
        writer.number(300);
    }
    LONGS_EQUAL(6, buffer.size());
    LONGS_EQUAL(9, std::to_integer<int>(buffer[2]));
    ByteReader reader{std::span(buffer).subspan(3)};
    LONGS_EQUAL(1, reader.u8());
    LONGS_EQUAL(300, reader.number());
    std::vector<std::byte> exact;
    exact.reserve(7);
    const auto capacity = exact.capacity();
    ByteWriter(exact).text("123456");
    LONGS_EQUAL(7, exact.size());
    LONGS_EQUAL(capacity, exact.capacity());
}
